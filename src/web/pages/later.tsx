/** Places whose service does not exist yet: one honest sentence, and what stands in for it today. */
import type { Key } from '../i18n/en.ts';
import type { Place } from '../lib/router.ts';
import { useT } from '../state/app.ts';
import { Icon } from '../ui/icons.tsx';
import { PageHead } from '../ui/parts.tsx';

export function Later({ place }: { place: Extract<Place, 'capture'> }) {
  const t = useT();
  return (
    <>
      <PageHead title={t(`place.${place}` as Key)} />
      <div class="empty big">
        <Icon name={place} />
        <p>{t(`later.${place}` as Key)}</p>
      </div>
    </>
  );
}
