/** A chart as shapes, whatever it is drawn with; lengths in pixels of the smallest picture, y downwards. Pure. */

export type Shape =
  | ({ readonly kind: 'rect'; readonly x: number; readonly y: number } & Size & Filled)
  /** One pixel wide. */
  | {
      readonly kind: 'line';
      readonly from: Point;
      readonly to: Point;
      readonly stroke: string;
    }
  | {
      readonly kind: 'text';
      readonly at: Point;
      readonly anchor: 'start' | 'middle' | 'end';
      readonly size: number;
      readonly body: string;
      /** `INK` without. */
      readonly fill?: string;
    }
  /** Many of one colour, side by side without a seam. */
  | ({ readonly kind: 'boxes'; readonly boxes: readonly Box[] } & Filled)
  /** From left to right; what is below it, as far as `bottom`, is filled lightly. */
  | {
      readonly kind: 'curve';
      readonly points: readonly Point[];
      readonly bottom: number;
      readonly stroke: string;
    };

export type Box = readonly [x: number, y: number, width: number, height: number];
export type Point = readonly [x: number, y: number];

interface Size {
  readonly width: number;
  readonly height: number;
}

interface Filled {
  readonly fill: string;
}

export interface Drawing extends Size {
  readonly title: string;
  readonly shapes: readonly Shape[];
}

export const INK = '#222222';
export const CURVE_WIDTH = 1.5;
export const AREA_OPACITY = 0.2;

const FONT = 'font-family="Helvetica, Arial, sans-serif"';

/** What XML has no place for is replaced. */
const escaped = (text: string): string =>
  text
    .replace(/[^\t\n\u0020-\ud7ff\ue000-\ufffd]/g, '\ufffd')
    .replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** An SVG 1.1 document that stands alone. */
export const svgOf = ({ width, height, title, shapes }: Drawing): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    ...shapes.map(svgShape),
    '</svg>',
    '',
  ].join('\n');

function svgShape(shape: Shape): string {
  switch (shape.kind) {
    case 'rect':
      return `<rect x="${shape.x}" y="${shape.y}" width="${shape.width}" height="${shape.height}" fill="${shape.fill}"/>`;
    case 'line': {
      const [[x1, y1], [x2, y2]] = [shape.from, shape.to];
      return `<line x1="${x1}" x2="${x2}" y1="${y1}" y2="${y2}" stroke="${shape.stroke}"/>`;
    }
    case 'text':
      return `<text x="${shape.at[0]}" y="${shape.at[1]}" text-anchor="${shape.anchor}" font-size="${shape.size}" fill="${shape.fill ?? INK}" ${FONT}>${escaped(shape.body)}</text>`;
    case 'boxes': {
      const path = shape.boxes.map(
        ([x, y, width, height]) => `M${x} ${y}h${width}v${height}h-${width}z`,
      );
      return `<path fill="${shape.fill}" d="${path.join('')}"/>`;
    }
    case 'curve': {
      const { points, bottom, stroke } = shape;
      const path = points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${x} ${y}`).join('');
      const area = `${path}L${points.at(-1)?.[0] ?? 0} ${bottom}L${points[0]?.[0] ?? 0} ${bottom}Z`;
      return [
        `<path d="${area}" fill="${stroke}" fill-opacity="${AREA_OPACITY}"/>`,
        `<path d="${path}" fill="none" stroke="${stroke}" stroke-width="${CURVE_WIDTH}"/>`,
      ].join('\n');
    }
  }
}
