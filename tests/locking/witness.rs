//! The COMMAND that notices when another runs beside it.
//!
//! It holds a POSIX record lock (`F_SETLK`) on a byte of a file that has nothing to do with what is
//! tested. The kernel frees it while it closes the descriptors of a killed process one after the other,
//! and this one has a smaller number than the token: so who finds the byte locked
//! truly met a second one. A record lock is not inherited.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

const WITNESS: &str = "--witness";

/// The words that start it: with the file of witnesses, the file that is told of overlaps, and for how
/// many microseconds it stays.
pub fn words(witnesses: &str, overlaps: &str, microseconds: u64) -> Vec<String> {
    let program = std::env::current_exe().unwrap().display().to_string();
    let arguments = [WITNESS, witnesses, overlaps, &microseconds.to_string()].map(str::to_owned);
    [vec![program], arguments.to_vec()].concat()
}

/// Is it, if the arguments say so.
pub fn of_arguments() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, flag, witnesses, overlaps, stay] = &*arguments else {
        return None;
    };
    (flag == WITNESS).then(|| watch(witnesses, overlaps, stay.parse().unwrap()))
}

fn watch(witnesses: &str, overlaps: &str, microseconds: u64) -> ExitCode {
    // Of `sem`: no two that run have the same number.
    let permit = std::env::var("SHMCOUNT_PERMIT").map_or(0, |permit| permit.parse().unwrap());
    let file = OpenOptions::new().write(true).open(witnesses).unwrap();
    if !lock(&file, permit) {
        let mut overlaps = OpenOptions::new().append(true).open(overlaps).unwrap();
        writeln!(overlaps, "two with permit {permit}").unwrap();
        return ExitCode::FAILURE;
    }
    // Who is killed may be killed now. Nobody may listen any more.
    let _ = writeln!(std::io::stdout(), "{}", std::process::id());
    std::thread::sleep(Duration::from_micros(microseconds));
    ExitCode::SUCCESS
}

fn lock(file: &File, byte: i64) -> bool {
    let whole = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    };
    match fcntl(file, FcntlArg::F_SETLK(&whole)) {
        Ok(_) => true,
        Err(Errno::EAGAIN | Errno::EACCES) => false,
        Err(errno) => panic!("{errno}"),
    }
}
