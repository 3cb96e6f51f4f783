//! Everything that can be done with a segment without waiting for ever, whatever is in it.
//!
//! Errors are fine here. What is not is a crash, a hang and a panic; whoever calls sees to it that
//! they are noticed. The fuzz target runs this too.

use std::time::Duration;

use shmcount::{Error, Segment, Spin};

/// Opens the segment of this name and does everything with it.
///
/// Locks are tried, not waited for: a word may say that a thread holds it which lives and never
/// will let go, and that is not to be told from the truth.
pub fn exercise(name: &str) -> Result<(), Error> {
    let options = Segment::options().spin(Spin::Never);
    // So that who waits is published, and looks for a circle, at once.
    let options = options.look_for_deadlocks_after(Some(Duration::ZERO));
    let segment = options.open(name)?;
    if let Ok(number) = segment.open_value::<i64>("number") {
        let _ = number.lock_timeout(Duration::from_millis(1));
    }
    use_objects(&segment);
    let _ = segment.value("new", 9u16).map(|value| value.load());
    let _ = segment
        .value("another", [1u64; 12])
        .map(|value| value.load());
    Ok(())
}

/// Does everything but make an object, for which the directory's lock may have to be waited for.
pub fn use_objects(segment: &Segment) {
    let _ = (segment.size(), segment.creator(), segment.created());
    let _ = (segment.is_temporary(), segment.release());
    for entry in segment.entries().unwrap_or_default() {
        let _ = (entry.name().len(), entry.kind(), entry.element_type());
        let _ = (entry.element_size(), entry.length());
        let _ = segment.open_value::<u32>(entry.name());
    }
    let _ = segment.find("nothing of this name");
    let _ = segment.waiters();
    if let Ok(number) = segment.open_value::<i64>("number") {
        let _ = (number.load(), number.holder(), number.recoveries());
        if let Ok(mut guard) = number.lock_timeout(Duration::ZERO) {
            *guard = guard.wrapping_add(1);
        }
        let _ = number.wait_until(|number| *number == 1, Some(Duration::ZERO));
    }
    if let Ok(wide) = segment.open_value::<[u64; 20]>("wide") {
        let _ = wide.load();
        if let Ok(mut guard) = wide.try_lock() {
            guard[19] = guard[19].wrapping_add(1);
        }
        let _ = wide.wait_until(|wide| wide[0] == 1, Some(Duration::ZERO));
    }
    // The template has it, so this only makes one where the damage renamed it.
    if segment.find("lock").is_ok_and(|found| found.is_some())
        && let Ok(lock) = segment.lock("lock")
    {
        let _ = lock.holder();
        let _ = lock.try_lock().map(|guard| guard.owner_died());
    }
}
