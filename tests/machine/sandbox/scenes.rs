//! What a few processes do one after the other, each of them free or in a sandbox.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::player::{ask, begin, kill_asleep, player};
use super::{Entering, FREE, Failing, SANDBOXES, Sandbox, needs_sandboxes};
use crate::stage::{Process, Scratch, Skipped};

/// Who is where.
#[derive(Clone, Copy, Debug)]
struct Cast {
    /// Makes the segment, and does nothing else.
    maker: Sandbox,
    /// Has what others wait for.
    giver: Sandbox,
    waiter: Sandbox,
    entering: Entering,
}

impl Cast {
    /// Returns every cast with somebody in a sandbox, of one kind at a time.
    fn all() -> impl Iterator<Item = Self> {
        let kinds = SANDBOXES
            .iter()
            .flat_map(|s| Entering::BOTH.map(|e| (*s, e)));
        kinds.flat_map(|(sandbox, entering)| {
            (1..8).map(move |who: u32| {
                let place = |bit: u32| if who & bit != 0 { sandbox } else { FREE };
                Self {
                    maker: place(1),
                    giver: place(2),
                    waiter: place(4),
                    entering,
                }
            })
        })
    }

    fn giver(&self, scratch: &Scratch) -> Process {
        player(scratch, self.giver, self.entering)
    }

    fn waiter(&self, scratch: &Scratch) -> Process {
        player(scratch, self.waiter, self.entering)
    }
}

/// Plays a scene in a new segment with every cast.
fn with_all(label: &str, scene: impl Fn(&Scratch, &Cast)) -> Result<(), Skipped> {
    needs_sandboxes()?;
    for cast in Cast::all() {
        let _failing = Failing(cast);
        let scratch = Scratch::new(label);
        // Made before the maker is in a sandbox, it would be made by a free one.
        let maker = player(&scratch, cast.maker, Entering::Before);
        scene(&scratch, &cast);
        maker.kill();
    }
    Ok(())
}

pub fn who_sleeps_for_a_lock_gets_it_from_a_release_and_from_a_death() -> Result<(), Skipped> {
    with_all("sandbox-lock", |scratch, cast| {
        let mut giver = cast.giver(scratch);
        ask(&mut giver, "lock", "clean");
        let [mut killed, mut next, mut last] = [(); 3].map(|()| cast.waiter(scratch));
        begin(&mut killed, "lock");
        begin(&mut next, "lock");
        kill_asleep(killed);
        ask(&mut giver, "commit", "committed");
        next.expect("clean");
        ask(&mut next, "commit", "committed");

        ask(&mut giver, "lock", "clean");
        begin(&mut next, "lock");
        giver.kill();
        next.expect("of a dead one");
        begin(&mut last, "lock");
        next.kill();
        last.expect("of a dead one");
        ask(&mut last, "commit", "committed");
        ask(&mut last, "add 0", "3");
    })
}

pub fn who_stands_in_line_gets_its_turn_from_a_leaver_and_from_a_death() -> Result<(), Skipped> {
    with_all("sandbox-line", |scratch, cast| {
        let mut giver = cast.giver(scratch);
        let [mut killed, mut next, mut last] = [(); 3].map(|()| cast.waiter(scratch));
        ask(&mut giver, "turn", "clean");
        begin(&mut killed, "turn");
        begin(&mut next, "turn");
        kill_asleep(killed);
        ask(&mut giver, "end", "ended");
        next.expect("clean");
        begin(&mut giver, "turn");
        begin(&mut last, "turn");
        // The one that has its turn, and the one that is the next.
        next.kill();
        giver.expect("of a dead one");
        giver.kill();
        last.expect("of a dead one");
    })
}

pub fn who_waits_for_a_value_sees_it_come() -> Result<(), Skipped> {
    with_all("sandbox-value", |scratch, cast| {
        let mut giver = cast.giver(scratch);
        let mut waiter = cast.waiter(scratch);
        begin(&mut waiter, "await 1");
        ask(&mut giver, "add 1", "0");
        waiter.expect("1");
        // Of an owner that died, too.
        begin(&mut waiter, "await 2");
        let mut killed = cast.giver(scratch);
        ask(&mut killed, "lock", "clean");
        killed.kill();
        // Who waits for the value may have taken over already, and then this one is not told.
        ask(&mut giver, "add 1", "1");
        waiter.expect("2");
    })
}

pub fn who_waits_for_a_permit_gets_it_from_a_dead_holder_and_from_a_living() -> Result<(), Skipped>
{
    with_all("sandbox-permit", |scratch, cast| {
        let mut giver = cast.giver(scratch);
        let [mut next, mut last] = [(); 2].map(|()| cast.waiter(scratch));
        ask(&mut giver, "acquire", "clean");
        begin(&mut next, "acquire");
        giver.kill();
        next.expect("of a dead one");
        begin(&mut last, "acquire");
        ask(&mut next, "end", "ended");
        last.expect("clean");
        let mut giver = cast.giver(scratch);
        begin(&mut next, "acquire");
        begin(&mut giver, "acquire");
        kill_asleep(next);
        ask(&mut last, "end", "ended");
        giver.expect("clean");
    })
}

pub fn who_waits_at_a_barrier_meets_the_other_or_learns_of_its_death() -> Result<(), Skipped> {
    with_all("sandbox-barrier", |scratch, cast| {
        let mut giver = cast.giver(scratch);
        let mut waiter = cast.waiter(scratch);
        ask(&mut giver, "join", "joined");
        ask(&mut waiter, "join", "joined");
        for _ in 0..3 {
            begin(&mut waiter, "meet");
            ask(&mut giver, "meet", "met");
            waiter.expect("met");
        }
        begin(&mut waiter, "meet");
        let missed = giver.id();
        giver.kill();
        waiter.expect(&format!("the barrier is broken: process {missed} died"));
    })
}

pub fn who_waits_for_an_item_or_for_room_gets_it() -> Result<(), Skipped> {
    with_all("sandbox-queue", |scratch, cast| {
        let mut giver = cast.giver(scratch);
        let [mut killed, mut waiter] = [(); 2].map(|()| cast.waiter(scratch));
        begin(&mut killed, "pop");
        begin(&mut waiter, "pop");
        kill_asleep(killed);
        ask(&mut giver, "push 5", "pushed");
        waiter.expect("5");
        ask(&mut giver, "push 6", "pushed");
        begin(&mut giver, "push 7");
        ask(&mut waiter, "pop", "6");
        giver.expect("pushed");
        ask(&mut waiter, "pop", "7");
    })
}

/// Where the first object of a segment is: behind the header, 64 slots and its directory entry. Its first cache
/// line begins with the lock's word.
const WORD: u64 = 320 + 64 * 64 + 128;
const NUMBER: u64 = WORD + 40;

/// A plain store that the releaser's own look at the sleepers went ahead of wakes nobody. Who may not make
/// others pass a barrier cannot rule that out.
pub fn who_was_not_seen_by_a_plain_release_looks_again() -> Result<(), Skipped> {
    needs_sandboxes()?;
    for sandbox in SANDBOXES {
        for entering in Entering::BOTH {
            let _failing = Failing(Cast {
                maker: FREE,
                giver: FREE,
                waiter: sandbox,
                entering,
            });
            let scratch = Scratch::new("sandbox-unseen");
            let maker = player(&scratch, FREE, Entering::Before);
            let file = File::options().write(true).open(scratch.path());
            let file = file.expect("it is there");
            let write = |bytes: &[u8], at| file.write_all_at(bytes, at).expect("it fits");
            let mut waiter = player(&scratch, sandbox, entering);

            let owned = maker.id() | shmcount::raw::robust_lock::WAITERS;
            write(&owned.to_ne_bytes(), WORD);
            begin(&mut waiter, "add 1");
            write(&0u32.to_ne_bytes(), WORD);
            waiter.expect("0");

            begin(&mut waiter, "await 2");
            write(&2i64.to_ne_bytes(), NUMBER);
            waiter.expect("2");
            maker.kill();
        }
    }
    Ok(())
}

pub fn a_segment_says_how_it_is_released_and_plain_is_refused_where_it_cannot_be()
-> Result<(), Skipped> {
    needs_sandboxes()?;
    for entering in Entering::BOTH {
        let in_free = Scratch::new("sandbox-free");
        ask(&mut player(&in_free, FREE, entering), "release", "Plain");
        for sandbox in SANDBOXES {
            let mut guest = player(&in_free, sandbox, entering);
            ask(&mut guest, "release", "Plain");
            ask(&mut guest, "make a plain one", "NoPlainRelease");
            ask(&mut guest, "add 1", "0");
            ask(&mut guest, "add -1", "1");
        }
    }
    for sandbox in SANDBOXES {
        let scratch = Scratch::new("sandbox-made");
        let mut maker = player(&scratch, sandbox, Entering::Before);
        ask(&mut maker, "release", "Exchange");
        let mut guest = player(&scratch, FREE, Entering::Before);
        ask(&mut guest, "release", "Exchange");
        ask(&mut guest, "make a plain one", "true");
    }
    Ok(())
}
