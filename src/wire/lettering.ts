/**
 * Letters of straight strokes, as draughtsmen write them, so that a chart has its words where no font is
 * installed. Each point is two digits: x from 0 to 4, y upwards with the baseline at 2, small letters up to
 * 6, capitals up to 8. A comma lifts the pen; a stroke of one point twice is a dot. Pure.
 */

/** Glyphs in lines of a character and its strokes. */
const GLYPHS = `! 2824,2222
" 1618,3638
# 1218,3238,0444,0646
$ 473818070615354443321203,2129
% 0248,0818170708,3242433332
& 42071828370403122244
' 2628
( 38262432
) 18262412
* 2428,0547,0745
+ 2226,0444
, 2211
- 1434
. 2222
/ 0248
0 120307183847433212
1 062822,1232
2 07183847460242
3 07183847463515,354443321203
4 32380444
5 480805354443321203
6 473818070312324344351504
7 084812
8 15060718384746351504031232434435
9 031232434738180706153546
: 2525,2222
; 2525,2211
< 460442
= 0545,0343
> 064402
? 071838474624,2222
@ 32120307183847443436262434
A 022842,1434
B 02083847463505,3544433202
C 4738180703123243
D 02082846442202
E 48080242,0535
F 480802,0535
G 47381807031232434525
H 0208,4248,0545
I 1232,2228,1838
J 3833221203
K 0208,4804,2642
L 080242
M 0208254842
N 02084248
O 120307183847433212
P 02083847463505
Q 120307183847433212,2442
R 02083847463505,2542
S 473818070615354443321203
T 0848,2822
U 080312324348
V 082248
W 0812263248
X 0248,0842
Y 082548,2522
Z 08480242
[ 38181232
\\ 0842
] 18383212
^ 062846
_ 0141
\` 1827
a 16364542,433212031444
b 0802,0312324345361605
c 4536160503123243
d 4842,4332120305163645
e 04444536160503123243
f 38281712,0636
g 46413010,4332120305163645
h 0802,0516364542
i 2226,2828
j 36312010,3838
k 0802,4604,2542
l 18282332
m 0206,05162522,25364542
n 0206,0516364542
o 120305163645433212
p 0006,0516364543321203
q 4046,4536160503123243
r 0206,041636
s 45361605143443321203
t 18132232,0636
u 0603123243,4642
v 062246
w 0612253246
x 0246,0642
y 0622,4610
z 06460242
{ 38272615242332
| 2028
} 18272635242312
~ 04153445
– 0444
… 0202,2222,4242`;

/** Of the unit in which points count: cap height is six of them, and 0.7 of the size of the font. */
const UNIT = 0.7 / 6;
/** Letters are narrower than the grid is. */
const NARROW = 0.85;
/** Between two letters, and for what has none. */
const GAP = 1.8 * UNIT * NARROW;
const BLANK = 1.4 * UNIT * NARROW;
const BASELINE = 2;

export type Stroke = readonly (readonly [x: number, y: number])[];

interface Glyph {
  /** From 0 to `width`. */
  readonly strokes: readonly Stroke[];
  readonly width: number;
}

const NONE: Glyph = { strokes: [], width: BLANK };

const glyphs = new Map(
  GLYPHS.split('\n').map((line): [string, Glyph] => [line.slice(0, 1), glyphOf(line.slice(2))]),
);

function glyphOf(text: string): Glyph {
  const drawn = text
    .split(',')
    .map((part) => (part.match(/../g) ?? []).map(([x, y]) => [Number(x), Number(y)] as const));
  const all = drawn.flat().map(([x]) => x);
  const left = Math.min(...all);
  return {
    width: (Math.max(...all) - left) * UNIT * NARROW,
    strokes: drawn.map((stroke) =>
      stroke.map(([x, y]) => [(x - left) * UNIT * NARROW, (BASELINE - y) * UNIT]),
    ),
  };
}

const glyphsOf = (text: string): readonly Glyph[] =>
  [...text].map((char) => glyphs.get(char) ?? NONE);

/** How wide a text is, in the size of its font. */
export const textWidth = (text: string): number =>
  Math.max(
    0,
    glyphsOf(text).reduce((sum, { width }) => sum + width + GAP, -GAP),
  );

/** The strokes of a text that begins at 0 on the baseline, y downwards, in the size of its font; what has no letter leaves a gap. */
export function textStrokes(text: string): readonly Stroke[] {
  let at = 0;
  return glyphsOf(text).flatMap(({ strokes, width }) => {
    const left = at;
    at += width + GAP;
    return strokes.map((stroke) =>
      stroke.map(([x, y]): readonly [number, number] => [x + left, y]),
    );
  });
}
