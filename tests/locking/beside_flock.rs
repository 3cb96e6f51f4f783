//! flock(1) and `shmcount lock` side by side, and the table of docs/FLOCK.md.
//!
//! Each row is looked at with both. What is seen has to differ where the row says why, has to be the
//! same where it does not, and has to be what the table says. `SHMCOUNT_WRITE_TABLE=1` writes the
//! table anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::rows::{ROWS, Row};
use crate::stage::Skipped;
use crate::tool::{Tool, needs_program};

const BEGIN: &str = "<!-- table: begin -->\n";
const END: &str = "<!-- table: end -->\n";

pub fn each_behaviour_of_flock_is_as_the_documentation_says() -> Result<(), Skipped> {
    let flock = needs_program("flock", "to compare with")?;
    let seen: Vec<[String; 2]> = (ROWS.iter())
        .map(|row| {
            let tools = [Tool::flock(&flock), Tool::shmcount()];
            tools.map(|tool| (row.look)(&tool))
        })
        .collect();
    let wrong: Vec<String> = (ROWS.iter().zip(&seen))
        .filter(|(row, [flock, ours])| row.why.is_empty() != (flock == ours))
        .map(|(row, [flock, ours])| format!("{}: {flock} | {ours}", row.what))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    check(&table(&seen));
    Ok(())
}

fn table(seen: &[[String; 2]]) -> String {
    let mut text = "| | flock(1) | `shmcount lock` | |\n|---|---|---|---|\n".to_owned();
    for (Row { what, why, .. }, [flock, ours]) in ROWS.iter().zip(seen) {
        let verdict = match why.is_empty() {
            true => "same".to_owned(),
            false => format!("**different**: {why}"),
        };
        let cells = [*what, flock, ours, &verdict].map(|cell| cell.replace('|', "\\|"));
        writeln!(text, "| {} |", cells.join(" | ")).unwrap();
    }
    text
}

fn check(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/FLOCK.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the table begins");
    let (written, after) = rest.split_once(END).expect("the table ends");
    if std::env::var_os("SHMCOUNT_WRITE_TABLE").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    for (seen, written) in table.lines().zip(written.lines()) {
        assert_eq!(seen, written, "docs/FLOCK.md says otherwise");
    }
    assert_eq!(table, written, "docs/FLOCK.md has other rows");
}
