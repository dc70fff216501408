import { searchParams } from 'sv-router';

import { navigate, route } from '$/router';

/** Narrows the list that is shown: by values in the address, of which an empty one takes its key away. */
export function narrow(values: Record<string, string>) {
  const search = searchParams.toURLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    if (value) search.set(key, value);
    else search.delete(key);
  }
  void navigate(route.pathname as '/', { search: String(search), replace: true, scrollToTop: false });
}
