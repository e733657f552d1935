/** One field of a form, made from what the model says of its parameter. */
import { useId } from 'preact/hooks';
import { hexText, localTime, modelTime, timeMs } from '../lib/format.ts';
import { type Field as FieldSpec, problemOf } from '../lib/schema-form.ts';
import { useApp, useKnown, useT } from '../state/app.ts';

export interface Choice {
  readonly value: string;
  readonly text: string;
}

export interface FieldProps {
  readonly spec: FieldSpec;
  readonly value: string;
  readonly changed?: boolean;
  readonly fault?: string | undefined;
  /** Rows that a reference may name. */
  readonly rows?: readonly Choice[];
  readonly readOnly?: boolean;
  /** Show TR-181's own name instead of the plain one. */
  readonly raw?: boolean;
  readonly onInput: (value: string) => void;
}

/** Plain name of a parameter where the catalogue has one. */
function useLabel(): (name: string) => string {
  const known = useKnown();
  return (name) =>
    known(`param.${name}`) ?? name.replace(/^X_GATEHOUSE_/, '').replace(/([a-z])([A-Z])/g, '$1 $2');
}

export function Field(props: FieldProps) {
  const { spec, value } = props;
  const { language } = useApp();
  const t = useT();
  const id = useId();
  const label = useLabel();
  const problem = problemOf(spec, value);
  const fault =
    props.fault ??
    (problem &&
      t(`problem.${problem.kind}`, 'allowed' in problem ? { allowed: problem.allowed } : {}));
  const known = useKnown();
  const own = props.raw === true ? undefined : known(`about.${spec.name}`);
  const about = own ?? spec.about;
  const shown = (choice: string): string =>
    props.raw === true ? choice : (known(`choice.${choice}`) ?? choice);
  const hints = [
    spec.example === undefined ? '' : t('field.takes', { what: spec.example }),
    spec.units === undefined ? '' : (known(`unit.${spec.units}`) ?? spec.units),
    spec.default === undefined ||
    spec.default === '' ||
    spec.control === 'switch' ||
    spec.control === 'time'
      ? ''
      : t('field.default', { value: shown(spec.default) }),
  ].filter((hint) => hint !== '');
  const described = `${id}-about${fault === undefined ? '' : ` ${id}-fault`}`;
  const readable = spec.control === 'hex' ? hexText(value) : undefined;
  return (
    <div
      class={`field ${fault === undefined ? '' : 'has-fault'} ${props.changed ? 'is-changed' : ''}`}
    >
      <label for={id}>
        {props.raw ? <span class="mono">{spec.name}</span> : label(spec.name)}
        {props.changed && ' '}
        {props.changed && <span class="changed-mark">{t('field.changed')}</span>}
      </label>
      <Input {...props} shown={shown} id={id} described={described} invalid={fault !== undefined} />
      {readable !== undefined && <p class="hint">{t('field.readable', { text: readable })}</p>}
      {fault !== undefined && (
        <p class="fault" id={`${id}-fault`}>
          {fault}
        </p>
      )}
      <p class="hint" id={`${id}-about`}>
        <span lang={own !== undefined || language === 'en' ? undefined : 'en'}>{about}</span>
        {hints.length > 0 && <span class="hint-limits"> {hints.join(' · ')}</span>}
      </p>
    </div>
  );
}

function Input(
  props: FieldProps & {
    id: string;
    described: string;
    invalid: boolean;
    /** A choice as the reader says it. */
    shown: (choice: string) => string;
  },
) {
  const { spec, value, id } = props;
  const t = useT();
  const common = {
    id,
    'aria-describedby': props.described,
    'aria-invalid': props.invalid,
    disabled: props.readOnly === true,
  };
  const set = (event: { currentTarget: { value: string } }): void =>
    props.onInput(event.currentTarget.value);
  switch (spec.control) {
    case 'switch':
      return (
        <input
          {...common}
          type="checkbox"
          class="switch"
          checked={value === 'true'}
          onChange={(event) => props.onInput(String(event.currentTarget.checked))}
        />
      );
    case 'choice':
      return (
        <select {...common} value={value} onChange={set}>
          {!spec.choices.includes(value) && <option value={value}>{value}</option>}
          {spec.choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice === '' ? t('field.none') : props.shown(choice)}
            </option>
          ))}
        </select>
      );
    case 'time': {
      if (props.raw === true) break;
      const ms = timeMs(value);
      return (
        <input
          {...common}
          type="datetime-local"
          value={ms === undefined ? '' : localTime(ms)}
          onInput={(event) => props.onInput(modelTime(event.currentTarget.value))}
        />
      );
    }
    case 'reference':
      if (props.rows === undefined) break;
      return (
        <select {...common} value={value} onChange={set}>
          <option value="">{t('field.none')}</option>
          {value !== '' && !props.rows.some((row) => row.value === value) && (
            <option value={value}>{value}</option>
          )}
          {props.rows.map((row) => (
            <option key={row.value} value={row.value}>
              {row.text}
            </option>
          ))}
        </select>
      );
    case 'references':
      if (props.rows === undefined) break;
      return (
        <References
          {...common}
          value={value}
          rows={props.rows}
          onInput={props.onInput}
          name={spec.name}
        />
      );
    default:
      break;
  }
  const number = spec.control === 'number';
  const mono = number || spec.control !== 'text' || spec.type !== 'string';
  if (spec.control === 'secret') {
    return (
      <input {...common} type="password" autocomplete="new-password" value={value} onInput={set} />
    );
  }
  return (
    <input
      {...common}
      type="text"
      class={`${mono ? 'mono' : ''} ${number ? 'short' : ''}`}
      inputMode={number ? 'numeric' : 'text'}
      autocomplete="off"
      spellcheck={false}
      placeholder={spec.sample}
      value={value}
      onInput={set}
    />
  );
}

function References(props: {
  id: string;
  value: string;
  rows: readonly Choice[];
  name: string;
  disabled: boolean;
  'aria-describedby': string;
  onInput: (value: string) => void;
}) {
  const label = useLabel();
  const chosen = props.value === '' ? [] : props.value.split(',');
  return (
    <fieldset
      class="checks"
      id={props.id}
      aria-label={label(props.name)}
      aria-describedby={props['aria-describedby']}
    >
      {props.rows.map((row) => (
        <label key={row.value} class="check">
          <input
            type="checkbox"
            disabled={props.disabled}
            checked={chosen.includes(row.value)}
            onChange={(event) => {
              const others = chosen.filter((item) => item !== row.value);
              props.onInput(
                (event.currentTarget.checked ? [...others, row.value] : others).join(','),
              );
            }}
          />
          {row.text}
        </label>
      ))}
    </fieldset>
  );
}
