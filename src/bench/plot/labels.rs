//! Names at the ends of lines, moved apart where they would lie on each other.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::style::{self, Ink};
use super::{Canvas, Drawn};

/// From one name to the next: the height of their letters and a little more.
const DISTANCE: i32 = 19;

/// From the beginning of a name to the end of its figure.
const WIDTH: i32 = 198;

/// The name of a line.
pub(super) struct Label {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// Where the line ends.
    pub(super) at: (i32, i32),
    pub(super) ink: Ink,
}

/// Writes names right of `x`, each with a thin line from where its own ends.
pub(super) fn draw(canvas: &Canvas<'_>, mut labels: Vec<Label>, x: i32) -> Drawn {
    labels.sort_by_key(|label| label.at.1);
    let wanted: Vec<i32> = labels.iter().map(|label| label.at.1).collect();
    for (label, y) in labels.iter().zip(apart(&wanted)) {
        let lead = vec![(label.at.0 + 8, label.at.1), (x - 18, y), (x - 6, y)];
        let thin = label.ink.colour.mix(0.45).stroke_width(1);
        canvas.draw(&PathElement::new(lead, thin))?;
        let font = match label.ink.is_bold {
            true => style::bold(15, label.ink.colour),
            false => style::plain(15, label.ink.colour),
        };
        let at_left = font.clone().pos(Pos::new(HPos::Left, VPos::Center));
        canvas.draw(&Text::new(label.name, (x, y), at_left))?;
        let at_right = font.pos(Pos::new(HPos::Right, VPos::Center));
        canvas.draw(&Text::new(label.value.clone(), (x + WIDTH, y), at_right))?;
    }
    Ok(())
}

/// Moves sorted heights apart, each as little as can be: neighbours that are too close become a
/// block around their middle, and blocks that meet become one.
fn apart(wanted: &[i32]) -> Vec<i32> {
    // Of each block: the sum of what its members want the first to be at, and how many they are.
    let mut blocks: Vec<(i32, i32)> = Vec::new();
    let first_of = |(sum, count): (i32, i32)| sum / count;
    for at in wanted {
        let mut block = (*at, 1);
        while let Some(above) = blocks.last().copied() {
            let end = first_of(above) + above.1 * DISTANCE;
            if end <= first_of(block) {
                break;
            }
            blocks.pop();
            block = (
                above.0 + block.0 - above.1 * DISTANCE * block.1,
                above.1 + block.1,
            );
        }
        blocks.push(block);
    }
    let places =
        |block: (i32, i32)| (0..block.1).map(move |member| first_of(block) + member * DISTANCE);
    blocks.into_iter().flat_map(places).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_do_not_meet_stay() {
        assert_eq!(apart(&[10, 100, 200]), [10, 100, 200]);
    }

    #[test]
    fn labels_that_meet_move_apart_around_their_middle() {
        assert_eq!(apart(&[100, 100]), [90, 109]);
        let crowd = apart(&[100, 101, 103, 110, 300]);
        assert!(crowd.windows(2).all(|pair| pair[1] - pair[0] >= DISTANCE));
        assert_eq!(crowd[4], 300);
    }
}
