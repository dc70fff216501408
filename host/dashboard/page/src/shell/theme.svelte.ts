export type Choice = 'system' | 'light' | 'dark';

const key = 'picloud.theme';

class Theme {
  choice = $state<Choice>((localStorage.getItem(key) as Choice | null) ?? 'system');

  constructor() {
    this.#show();
  }

  choose(choice: Choice) {
    this.choice = choice;
    if (choice === 'system') localStorage.removeItem(key);
    else localStorage.setItem(key, choice);
    this.#show();
  }

  #show() {
    if (this.choice === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.choice;
  }
}

/** Dark or light: what the system says, until somebody chooses. */
export const theme = new Theme();
