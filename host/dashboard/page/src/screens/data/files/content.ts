import { api, ask } from '$/api/client';

export interface FilePath {
  app: string;
  collection: string;
  id: string;
}

/** Returns the bytes of a file. */
export async function contentOf(path: FilePath, signal?: AbortSignal): Promise<Blob> {
  return ask(api.GET('/api/v1/admin/apps/{app}/files/{collection}/{id}', { params: { path }, parseAs: 'blob', signal }));
}

/** How a file can be looked at in the page; undefined: not at all. */
export type Preview = 'image' | 'text' | 'pdf';

const images = ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/bmp', 'image/svg+xml'];

/** The most bytes of a file that are loaded to look at it. */
export const mostShown = { image: 20 << 20, text: 1 << 20, pdf: 50 << 20 };

/** Says how a file of a content type can be looked at. */
export function previewOf(contentType: string): Preview | undefined {
  const type = contentType.split(';')[0]!.trim().toLowerCase();
  if (images.includes(type)) return 'image';
  if (type === 'application/pdf') return 'pdf';
  if (type.startsWith('text/') || /^application\/(.*[+.-])?(json|xml|yaml|toml|javascript|ecmascript|sql|x-sh|jsonl|x-ndjson)$/.test(type)) return 'text';
  return undefined;
}
