/** Tells when an element has first come into sight, or as near to it as the margin says, as CSS writes it. */
export function sight(host: () => HTMLElement | undefined, margin = '0px'): { readonly seen: boolean } {
  let seen = $state(false);
  $effect(() => {
    const element = host();
    if (!element || seen) return;
    const observer = new IntersectionObserver((entries) => (seen ||= entries.some((entry) => entry.isIntersecting)), { rootMargin: margin });
    observer.observe(element);
    return () => observer.disconnect();
  });
  return {
    get seen() {
      return seen;
    },
  };
}
