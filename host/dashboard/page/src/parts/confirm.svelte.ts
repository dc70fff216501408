/** A question before something is done that cannot be undone. */
export interface Question {
  title: string;
  /** What will be gone, or change. */
  text: string;
  /** The word on the button: "Delete". */
  action: string;
  /** Nothing is lost by it, as when something is done again. */
  harmless?: boolean;
  /** What has to be typed before, as the slug of an app that is not empty. */
  type?: string;
}

/** The question that is asked, if one is. Confirmation.svelte shows it. */
export const asked = $state<{ question?: Question; answer: (yes: boolean) => void }>({ answer: () => {} });

/** Asks, and resolves to whether the answer is yes. It is no when the screen is left, or something else is asked. */
export function confirm(question: Question): Promise<boolean> {
  asked.answer(false);
  return new Promise((resolve) => {
    asked.question = question;
    asked.answer = (yes) => {
      asked.question = undefined;
      resolve(yes);
    };
  });
}
