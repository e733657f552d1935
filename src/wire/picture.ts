/** Drawings as pixels: rectangles, strokes and areas under curves, with smooth edges. Pure. */
import { AREA_OPACITY, CURVE_WIDTH, type Drawing, INK, type Point, type Shape } from './drawing.ts';
import { textStrokes, textWidth } from './lettering.ts';

export interface Picture {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Red, green and blue of each pixel, line by line from the top. */
  readonly rgb: Uint8Array;
}

/** Half of the width of a letter's stroke, in the size of its font. */
const PEN = 0.045;

/** `scale` pixels for each of the drawing. */
export function pictureOf(drawing: Drawing, scale: number): Picture {
  const canvas = new Canvas(drawing.width * scale, drawing.height * scale);
  for (const shape of drawing.shapes) draw(canvas, shape, scale);
  return canvas;
}

function draw(canvas: Canvas, shape: Shape, scale: number): void {
  const scaled = ([x, y]: Point): Point => [x * scale, y * scale];
  switch (shape.kind) {
    case 'rect': {
      const [left, top] = scaled([shape.x, shape.y]);
      const [width, height] = scaled([shape.width, shape.height]);
      canvas.rect(left, top, left + width, top + height, colourOf(shape.fill));
      break;
    }
    case 'line':
      canvas.stroke([scaled(shape.from), scaled(shape.to)], scale / 2, colourOf(shape.stroke));
      break;
    case 'text': {
      const { size, body, anchor } = shape;
      const shift = { start: 0, middle: 0.5, end: 1 }[anchor] * textWidth(body);
      for (const stroke of textStrokes(body)) {
        const points = stroke.map(([x, y]) =>
          scaled([shape.at[0] + (x - shift) * size, shape.at[1] + y * size]),
        );
        canvas.stroke(points, PEN * size * scale, colourOf(shape.fill ?? INK));
      }
      break;
    }
    case 'boxes': {
      const colour = colourOf(shape.fill);
      for (const [x, y, width, height] of shape.boxes) {
        // Whole pixels across: two halves of one would let through what is behind.
        const left = Math.round(x * scale);
        const right = Math.max(left + 1, Math.round((x + width) * scale));
        canvas.rect(left, y * scale, right, (y + height) * scale, colour);
      }
      break;
    }
    case 'curve': {
      const points = shape.points.map(scaled);
      canvas.area(points, shape.bottom * scale, colourOf(shape.stroke), AREA_OPACITY);
      canvas.stroke(points, (CURVE_WIDTH * scale) / 2, colourOf(shape.stroke));
      break;
    }
  }
}

type Colour = readonly [red: number, green: number, blue: number];

const colourOf = (hex: string): Colour => {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
};

class Canvas implements Picture {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;

  constructor(width: number, height: number) {
    this.width = Math.round(width);
    this.height = Math.round(height);
    this.rgb = new Uint8Array(this.width * this.height * 3).fill(255);
  }

  rect(left: number, top: number, right: number, bottom: number, colour: Colour): void {
    for (let y = Math.floor(top); y < bottom; y++) {
      const high = Math.min(y + 1, bottom) - Math.max(y, top);
      for (let x = Math.floor(left); x < right; x++)
        this.#blend(x, y, colour, (Math.min(x + 1, right) - Math.max(x, left)) * high);
    }
  }

  /** A pen with a round tip of radius `half` goes from point to point. */
  stroke(points: readonly Point[], half: number, colour: Colour): void {
    for (const [i, to] of points.entries()) {
      const from = points[i - 1];
      if (from !== undefined) this.#segment(from, to, half, colour);
    }
  }

  /** Between points, which go from left to right, and `bottom`. */
  area(points: readonly Point[], bottom: number, colour: Colour, opacity: number): void {
    for (const [i, [toX, toY]] of points.entries()) {
      const [fromX, fromY] = points[i - 1] ?? [toX, toY];
      for (let x = Math.round(fromX); x < Math.round(toX); x++) {
        const part = Math.min(1, Math.max(0, (x + 0.5 - fromX) / (toX - fromX)));
        const top = fromY + part * (toY - fromY);
        for (let y = Math.floor(top); y < bottom; y++)
          this.#blend(x, y, colour, opacity * (Math.min(y + 1, bottom) - Math.max(y, top)));
      }
    }
  }

  #segment([ax, ay]: Point, [bx, by]: Point, half: number, colour: Colour): void {
    const [dx, dy] = [bx - ax, by - ay];
    const square = dx * dx + dy * dy;
    const reach = half + 1;
    for (let y = Math.floor(Math.min(ay, by) - reach); y <= Math.max(ay, by) + reach; y++) {
      for (let x = Math.floor(Math.min(ax, bx) - reach); x <= Math.max(ax, bx) + reach; x++) {
        const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
        const along = square === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / square));
        const far = Math.hypot(px - along * dx, py - along * dy);
        this.#blend(x, y, colour, Math.min(1, Math.max(0, half + 0.5 - far)));
      }
    }
  }

  #blend(x: number, y: number, colour: Colour, part: number): void {
    if (part <= 0 || x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    const at = (y * this.width + x) * 3;
    for (const [i, value] of colour.entries()) {
      const before = this.rgb[at + i] ?? 0;
      this.rgb[at + i] = Math.round(before + (value - before) * Math.min(1, part));
    }
  }
}
