/** Where apps are answered, which is another origin than the page's. */
class Site {
  /** As `http://127.0.0.1:8080`; undefined: the page is reached through a proxy, and only that knows. */
  origin = $state<string>();

  /** Takes what an answer tells: the address that the server listens on. */
  told(address: string | null) {
    if (!address || (location.hostname !== 'localhost' && !/^[\d.]+$|^\[/.test(location.hostname))) return; // a proxy asks by another name
    const [, host, port] = /^(.*):(\d+)$/.exec(address) ?? [];
    this.origin = `http://${host === '0.0.0.0' || host === '[::]' ? location.hostname : host}:${port}`;
  }
}

export const site = new Site();
