/** Where search engines and video sites serve what is fit for children: they say so themselves. */
import { type DnsName, encodeName } from '../../wire/dns-name.ts';

const CHILD_SAFE: Readonly<Record<string, readonly string[]>> = {
  // https://support.google.com/websearch/answer/186669
  'forcesafesearch.google.com': [],
  // https://learn.microsoft.com/bing: strict SafeSearch
  'strict.bing.com': ['bing.com', 'www.bing.com', 'edgeservices.bing.com'],
  // https://duckduckgo.com/duckduckgo-help-pages/features/safe-search
  'safe.duckduckgo.com': ['duckduckgo.com', 'www.duckduckgo.com', 'start.duckduckgo.com'],
  // https://support.google.com/a/answer/6214622
  'restrict.youtube.com': [
    'www.youtube.com',
    'm.youtube.com',
    'youtubei.googleapis.com',
    'youtube.googleapis.com',
    'www.youtube-nocookie.com',
  ],
  'safesearch.pixabay.com': ['pixabay.com', 'www.pixabay.com'],
  'familysearch.yandex.ru': ['yandex.ru', 'www.yandex.ru', 'yandex.com', 'www.yandex.com'],
  'forcesafe.search.brave.com': ['search.brave.com'],
  'safe.ecosia.org': ['ecosia.org', 'www.ecosia.org'],
};

const BY_NAME: ReadonlyMap<string, string> = new Map(
  Object.entries(CHILD_SAFE).flatMap(([safe, names]) => names.map((name) => [name, safe] as const)),
);
/** `www.google.de`, `google.co.uk`, `www.google.com.au`: the search of each country. */
const GOOGLE = /^(?:www\.)?google\.(?:com|cat|(?:com?\.)?[a-z]{2})$/;
const GOOGLE_SAFE = 'forcesafesearch.google.com';

/** The name whose addresses are given in its stead; `name` is in lower case. */
export function safeSearchOf(name: DnsName): DnsName | undefined {
  const safe = BY_NAME.get(name) ?? (GOOGLE.test(name) ? GOOGLE_SAFE : undefined);
  return safe as DnsName | undefined;
}

/** RDATA of the CNAME. */
export const safeSearchTarget = (safe: DnsName): Uint8Array => encodeName(safe);
