//! Two processes write one message at the same time; whoever reads sees one of them whole.
//!
//! ```sh
//! cargo run --example message
//! ```

use std::env;
use std::error::Error;
use std::process::Command;

use shmcount::Segment;

const OBJECT: &str = "message";

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().collect::<Vec<_>>().as_slice() {
        [_, segment, letter] => write(segment, letter.as_bytes()[0]),
        _ => let_two_write(),
    }
}

/// Makes the message, starts two writers, and reads while they write.
fn let_two_write() -> Result<(), Box<dyn Error>> {
    let name = format!("example-message-{}", std::process::id());
    let segment = Segment::create(&name)?;
    let message = segment.value(OBJECT, [b'-'; 32])?;
    let program = env::current_exe()?;
    let start = |letter| Command::new(&program).arg(&name).arg(letter).spawn();
    let mut writers = [start("a")?, start("b")?];
    for _ in 0..100_000 {
        let text = message.load();
        assert!(text.iter().all(|letter| *letter == text[0]), "{text:?}");
    }
    for writer in &mut writers {
        assert!(writer.wait()?.success());
    }
    println!("{}", String::from_utf8_lossy(&message.load()));
    segment.remove()?;
    Ok(())
}

/// Writes the message, letter by letter, again and again. Others see only what is whole.
fn write(segment: &str, letter: u8) -> Result<(), Box<dyn Error>> {
    let message = Segment::open(segment)?.open_value::<[u8; 32]>(OBJECT)?;
    for _ in 0..10_000 {
        let mut text = message.lock()?;
        for place in text.iter_mut() {
            *place = letter;
        }
    }
    Ok(())
}
