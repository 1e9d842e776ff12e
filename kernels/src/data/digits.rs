//! The built-in digits: 28 × 28 images drawn from strokes, each bent, turned, thickened and spotted by its own numbers.
//!
//! Owns the glyphs and their jitter, in integers only, so that the same seed is the same bytes on every machine. A network
//! of one hidden layer gets 95 to 99 of 100 right: enough to learn, never all. Refuses to look like anyone's handwriting.

use super::table::Table;
use crate::contract::philox::{Site, word};
use crate::error::DataError;

const SIDE: i64 = 28;
/// Values of one record.
pub const WIDTH: u32 = (SIDE * SIDE) as u32;
/// Coordinates are in 1/64 of a glyph unit; a glyph's box is 100 units wide.
const UNIT: i64 = 64;
/// Records of one set.
const COUNT: u32 = 1_000_000;
/// Words of one record: the shape's first, then one for each pixel's noise.
const NOISE_FROM: u32 = 256;

type Point = (i64, i64);

/// Strokes of 0 to 9 in a box of 100 × 100, y downwards.
const GLYPHS: [&[&[Point]]; 10] = [
    &[&[(50, 15), (66, 20), (74, 35), (76, 50), (74, 65), (66, 80), (50, 85), (34, 80), (26, 65), (24, 50), (26, 35), (34, 20), (50, 15)]],
    &[&[(36, 30), (54, 15), (54, 85)]],
    &[&[(27, 32), (32, 20), (48, 15), (64, 20), (70, 33), (64, 47), (27, 85), (74, 85)]],
    &[&[(28, 22), (45, 15), (62, 18), (69, 31), (62, 44), (46, 49), (65, 54), (72, 67), (64, 81), (46, 86), (27, 79)]],
    &[&[(60, 85), (60, 15), (25, 62), (77, 62)]],
    &[&[(70, 16), (34, 16), (30, 47), (48, 42), (66, 48), (73, 63), (66, 79), (48, 86), (28, 79)]],
    &[&[(66, 18), (48, 24), (34, 42), (28, 62), (34, 79), (50, 86), (66, 79), (72, 64), (65, 51), (50, 46), (35, 53), (29, 64)]],
    &[&[(26, 17), (74, 17), (44, 85)]],
    &[&[
        (50, 48),
        (34, 41),
        (29, 30),
        (35, 19),
        (50, 15),
        (65, 19),
        (71, 30),
        (66, 41),
        (50, 48),
        (32, 57),
        (26, 69),
        (33, 81),
        (50, 86),
        (67, 81),
        (74, 69),
        (68, 57),
        (50, 48),
    ]],
    &[&[(71, 37), (64, 50), (50, 54), (35, 49), (28, 36), (35, 21), (50, 15), (65, 21), (71, 37), (69, 60), (60, 76), (44, 86)]],
];

/// Seed and count of the records that `url` names, if it is a built-in one: `builtin:digits?seed=7&count=10000`, the keys in this order.
pub fn from_url(url: &str) -> Result<Option<(u64, u32)>, DataError> {
    let Some(rest) = url.strip_prefix("builtin:") else { return Ok(None) };
    let refuse = |reason: &str| DataError::Url { url: url.to_owned(), reason: reason.to_owned() };
    let query = rest.strip_prefix("digits?").ok_or_else(|| refuse("the only built-in set is digits?seed=…&count=…"))?;
    let (seed, count) = query.split_once('&').ok_or_else(|| refuse("seed=…&count=… is wanted after digits?"))?;
    let seed = seed.strip_prefix("seed=").and_then(|text| text.parse().ok()).ok_or_else(|| refuse("seed= takes an integer"))?;
    let count = count.strip_prefix("count=").and_then(|text| text.parse().ok()).filter(|count| (1..=COUNT).contains(count));
    let count = count.ok_or_else(|| refuse("count= takes an integer from 1 to 1000000"))?;
    Ok(Some((seed, count)))
}

/// Appends the first `count` digits of `seed`.
pub fn draw_into(table: &mut Table, seed: u64, count: u32) {
    for record in 0..count {
        let mut draws = Draws { seed, record, next: 0 };
        let label = draws.below(10) as u8;
        table.push_bytes(&draw(usize::from(label), &mut draws), label);
    }
}

fn draw(label: usize, draws: &mut Draws) -> Vec<u8> {
    let bend = Bend::drawn(draws);
    let mut canvas = Canvas::new(draws.between(3 * UNIT, 6 * UNIT));
    for stroke in GLYPHS[label] {
        let points: Vec<Point> = stroke.iter().map(|&point| bend.moved(point, draws)).collect();
        points.windows(2).for_each(|pair| canvas.line(pair[0], pair[1]));
    }
    // A stray mark, as from a neighbouring glyph, that belongs to no class.
    if draws.below(2) == 0 {
        let start = (draws.between(0, 100 * UNIT), draws.between(0, 100 * UNIT));
        let end = (start.0 + draws.between(-25 * UNIT, 25 * UNIT), start.1 + draws.between(-25 * UNIT, 25 * UNIT));
        canvas.line(start, end);
    }
    let ink = draws.between(120, 256);
    canvas.ink().enumerate().map(|(pixel, covered)| (covered * ink / 256 + draws.noise(pixel)).clamp(0, 255) as u8).collect()
}

/// A random affine map about the centre, and a small shift of each point.
struct Bend {
    /// Rows of the matrix, in 1/1024.
    matrix: [i64; 4],
    shift: Point,
}

impl Bend {
    fn drawn(draws: &mut Draws) -> Self {
        let scale = draws.between(-200, 120);
        let (wide, high) = (scale + draws.between(-120, 120), scale + draws.between(-120, 120));
        let (turn, slant) = (draws.between(-300, 300), draws.between(-200, 200));
        let matrix = [1024 + wide, slant - turn, turn, 1024 + high];
        Self { matrix, shift: (draws.between(-9 * UNIT, 9 * UNIT), draws.between(-9 * UNIT, 9 * UNIT)) }
    }

    fn moved(&self, (x, y): Point, draws: &mut Draws) -> Point {
        let (x, y) = ((x - 50) * UNIT + draws.between(-5 * UNIT, 5 * UNIT), (y - 50) * UNIT + draws.between(-5 * UNIT, 5 * UNIT));
        let [a, b, c, d] = self.matrix;
        (50 * UNIT + (a * x + b * y) / 1024 + self.shift.0, 50 * UNIT + (c * x + d * y) / 1024 + self.shift.1)
    }
}

/// Squared distances from each pixel's centre to the nearest stroke.
struct Canvas {
    nearest: Vec<i64>,
    radius: i64,
}

impl Canvas {
    /// How far beyond the radius ink fades to nothing: about a pixel.
    const FADE: i64 = 4 * UNIT;

    fn new(radius: i64) -> Self {
        Self { nearest: vec![i64::MAX; (SIDE * SIDE) as usize], radius }
    }

    fn line(&mut self, from: Point, to: Point) {
        let reach = self.radius + Self::FADE;
        for row in pixels_between(from.1.min(to.1) - reach, from.1.max(to.1) + reach) {
            for column in pixels_between(from.0.min(to.0) - reach, from.0.max(to.0) + reach) {
                let here = &mut self.nearest[(row * SIDE + column) as usize];
                *here = (*here).min(squared_distance((centre(column), centre(row)), from, to));
            }
        }
    }

    /// Ink of each pixel, 0 to 255.
    fn ink(&self) -> impl Iterator<Item = i64> {
        self.nearest.iter().map(|&squared| {
            let distance = squared.isqrt();
            ((self.radius + Self::FADE - distance) * 255 / Self::FADE).clamp(0, 255)
        })
    }
}

fn centre(pixel: i64) -> i64 {
    (2 * pixel + 1) * 50 * UNIT / SIDE
}

fn pixels_between(low: i64, high: i64) -> std::ops::Range<i64> {
    let pixel = |coordinate: i64| (coordinate * SIDE).div_euclid(100 * UNIT);
    pixel(low).clamp(0, SIDE)..(pixel(high) + 1).clamp(0, SIDE)
}

fn squared_distance(point: Point, from: Point, to: Point) -> i64 {
    let (x, y) = (point.0 - from.0, point.1 - from.1);
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (along, length) = (x * dx + y * dy, dx * dx + dy * dy);
    if along <= 0 {
        x * x + y * y
    } else if along >= length {
        (x - dx).pow(2) + (y - dy).pow(2)
    } else {
        (x * dy - y * dx).pow(2) / length
    }
}

/// One record's random numbers, in the order in which they are asked for.
struct Draws {
    seed: u64,
    record: u32,
    next: u32,
}

impl Draws {
    fn below(&mut self, limit: u32) -> u32 {
        let drawn = word(self.seed, self.next, self.record, Site::Digits, 0);
        self.next += 1;
        assert!(self.next <= NOISE_FROM, "a glyph's numbers run into its noise");
        ((u64::from(drawn) * u64::from(limit)) >> 32) as u32
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + i64::from(self.below((high - low + 1) as u32))
    }

    /// Noise of one pixel: grain everywhere, and a spot of full ink on one in about 85.
    fn noise(&self, pixel: usize) -> i64 {
        let drawn = word(self.seed, NOISE_FROM + pixel as u32, self.record, Site::Digits, 0);
        let grain = i64::from(drawn & 0x7F) - 64;
        if drawn >> 24 < 3 { 255 } else { grain }
    }
}
