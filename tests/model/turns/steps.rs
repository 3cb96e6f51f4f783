//! The protocol: one access to shared memory, or one system call, a step.

use super::{Address, DEAD, Fault, Pc, Process, SLOTS, Scenario, State, Twin};

/// A step: none when it has to wait for another process.
pub fn step(scenario: &Scenario, state: &State, me: usize) -> Option<State> {
    let mut next = *state;
    let is = |twin| scenario.twin == Some(twin);
    let process = state.processes[me];
    let slot = process.slot;
    let number = me as u8 + 1;
    let pc = match process.pc {
        Pc::Ask => {
            next.drain(me);
            if next.lock != 0 {
                return None;
            }
            next.lock = number;
            Pc::ReadNext
        }
        Pc::ReadNext => {
            let ticket = next.load(me, Address::Next);
            next.processes[me].ticket = ticket;
            next.processes[me].at = 0;
            Pc::FindPlace
        }
        Pc::FindPlace => find_place(&mut next, me),
        Pc::WaitForPlace => {
            if next.word.iter().all(|word| is_living(*word)) {
                return None;
            }
            Pc::Ask
        }
        Pc::WriteTicket => {
            if !is(Twin::TicketAfterClaim) {
                next.store(me, Address::Ticket(slot), process.ticket);
            }
            Pc::LookForStale
        }
        Pc::LookForStale => match next.load(me, Address::Watched(slot)) {
            0 => Pc::Claim,
            _ if is(Twin::ClaimsSilently) => Pc::PutDown,
            _ => Pc::WakeStale,
        },
        Pc::WakeStale => {
            next.wake_all(me, slot);
            Pc::PutDown
        }
        Pc::PutDown => {
            next.store(me, Address::Watched(slot), 0);
            Pc::Claim
        }
        Pc::Claim => {
            next.drain(me);
            next.word[slot as usize] = number;
            next.processes[me].linked = Some(slot);
            match is(Twin::TicketAfterClaim) {
                true => Pc::WriteTicketLate,
                false => Pc::Commit,
            }
        }
        Pc::WriteTicketLate => {
            next.store(me, Address::Ticket(slot), process.ticket);
            Pc::Commit
        }
        Pc::Commit => {
            next.store(me, Address::Next, process.ticket + 1);
            Pc::Unlock
        }
        Pc::Unlock => {
            next.store(me, Address::Lock, 0);
            match next.processes[me].linked {
                Some(_) => Pc::ReadTenure,
                None => Pc::WaitForPlace,
            }
        }
        Pc::ReadTenure => {
            let last = next.load(me, Address::Tenure) >> 1;
            let reach = process.ticket.saturating_sub(last).min(SLOTS as u8);
            let process = &mut next.processes[me];
            (process.at, process.reach, process.ahead) = (1, reach, None);
            after_look(process)
        }
        Pc::LookAtWord => look_at_word(&mut next, me),
        Pc::LookAtTicket => look_at_ticket(&mut next, me),
        Pc::Raise => {
            next.drain(me);
            let (_, slot, _) = process.ahead.expect("it was found");
            if !is(Twin::RaisedLate) {
                next.set(Address::Watched(slot), 1);
            }
            match is(Twin::TicketFirst) {
                true => Pc::CompareTicket,
                false => Pc::Queue,
            }
        }
        Pc::Queue => queue(scenario, &mut next, me),
        Pc::CompareTicket => compare_ticket(scenario, &mut next, me),
        Pc::RaiseLate => {
            next.drain(me);
            let (_, slot, _) = process.ahead.expect("it was found");
            next.set(Address::Watched(slot), 1);
            Pc::Asleep
        }
        Pc::Asleep => {
            if !process.woken {
                return None;
            }
            wakes_up(&mut next.processes[me])
        }
        Pc::Begin => {
            begin(&mut next, me);
            Pc::Inside
        }
        Pc::Inside => Pc::End,
        Pc::End => {
            next.store(me, Address::Tenure, process.ticket << 1);
            match is(Twin::LooksBeforeLeaving) {
                true => Pc::LookEarly,
                false => Pc::Leave,
            }
        }
        Pc::LookEarly => {
            next.processes[me].is_watched = next.load(me, Address::Watched(slot)) != 0;
            Pc::Leave
        }
        Pc::Leave => leave(scenario, &mut next, me),
        Pc::LookForSleeper => {
            if is(Twin::PendingTooShort) {
                next.processes[me].pending = None;
            }
            match next.load(me, Address::Watched(slot)) {
                0 => Pc::Left,
                _ => Pc::Wake,
            }
        }
        Pc::Wake => {
            next.wake_all(me, slot);
            Pc::Left
        }
        Pc::Left => {
            let rounds = process.rounds - 1;
            next.processes[me] = Process {
                rounds,
                buffer: process.buffer,
                ..Process::default()
            };
            if rounds == 0 { Pc::Finished } else { Pc::Ask }
        }
        _ => return None,
    };
    next.processes[me].pc = pc;
    Some(next)
}

/// A sleeper's time is over: it leaves its place, if nobody is ahead it has its turn instead.
pub fn time_out(scenario: &Scenario, state: &State, me: usize) -> Option<State> {
    let process = state.processes[me];
    if !scenario.timed || process.pc != Pc::Asleep {
        return None;
    }
    let mut next = *state;
    next.processes[me].gives_up = true;
    next.processes[me].pc = wakes_up(&mut next.processes[me]);
    Some(next)
}

fn is_living(word: u8) -> bool {
    word != 0 && word != DEAD
}

fn wakes_up(process: &mut Process) -> Pc {
    (process.queued, process.woken) = (None, false);
    Pc::ReadTenure
}

fn find_place(next: &mut State, me: usize) -> Pc {
    let Process { ticket, at, .. } = next.processes[me];
    if at as usize == SLOTS {
        return Pc::Unlock;
    }
    let slot = (ticket + at) % SLOTS as u8;
    if is_living(next.load(me, Address::Word(slot))) {
        next.processes[me].at += 1;
        return Pc::FindPlace;
    }
    let process = &mut next.processes[me];
    (process.ticket, process.slot, process.at) = (ticket + at, slot, 0);
    process.pending = Some(slot);
    Pc::WriteTicket
}

/// Where a search for who is ahead goes on.
fn after_look(process: &mut Process) -> Pc {
    if process.at <= process.reach {
        return Pc::LookAtWord;
    }
    (process.at, process.reach, process.seen) = (0, 0, 0);
    match process.ahead {
        None => Pc::Begin,
        Some(_) if process.gives_up => Pc::Leave,
        Some(_) => Pc::Raise,
    }
}

fn look_at_word(next: &mut State, me: usize) -> Pc {
    let Process { ticket, at, .. } = next.processes[me];
    // Never below ticket 1, for the reach ends there.
    let word = next.load(me, Address::Word((ticket - at) % SLOTS as u8));
    next.processes[me].seen = word;
    if is_living(word) {
        return Pc::LookAtTicket;
    }
    next.processes[me].at += 1;
    after_look(&mut next.processes[me])
}

fn look_at_ticket(next: &mut State, me: usize) -> Pc {
    let Process {
        ticket,
        at,
        seen,
        ahead,
        ..
    } = next.processes[me];
    let slot = (ticket - at) % SLOTS as u8;
    let found = next.load(me, Address::Ticket(slot));
    let process = &mut next.processes[me];
    if found < ticket && ahead.is_none_or(|(other, ..)| other < found) {
        process.ahead = Some((found, slot, seen));
    }
    process.at = if found == ticket - at {
        process.reach
    } else {
        at
    } + 1;
    after_look(process)
}

fn queue(scenario: &Scenario, next: &mut State, me: usize) -> Pc {
    next.drain(me);
    let (_, slot, word) = next.processes[me].ahead.expect("it was found");
    if next.memory(Address::Word(slot)) != word {
        return wakes_up(&mut next.processes[me]);
    }
    next.processes[me].queued = Some(slot);
    match scenario.twin {
        Some(Twin::SleepsOnTheWordAlone | Twin::TicketFirst) => Pc::Asleep,
        _ => Pc::CompareTicket,
    }
}

fn compare_ticket(scenario: &Scenario, next: &mut State, me: usize) -> Pc {
    let (ticket, slot, _) = next.processes[me].ahead.expect("it was found");
    if next.memory(Address::Ticket(slot)) != ticket {
        return wakes_up(&mut next.processes[me]);
    }
    match scenario.twin {
        Some(Twin::TicketFirst) => Pc::Queue,
        Some(Twin::RaisedLate) => Pc::RaiseLate,
        _ => Pc::Asleep,
    }
}

fn begin(next: &mut State, me: usize) {
    let ticket = next.processes[me].ticket;
    let told = next.load(me, Address::Tenure) & 1 != 0;
    next.store(me, Address::Tenure, ticket << 1 | 1);
    if ticket <= next.last {
        next.wrong = Some(Fault::OutOfOrder);
    }
    if told != next.died_inside {
        next.wrong = Some(Fault::ToldWrong);
    }
    (next.last, next.died_inside) = (ticket, false);
    next.processes[me].gives_up = false;
}

fn leave(scenario: &Scenario, next: &mut State, me: usize) -> Pc {
    let Process {
        slot,
        is_watched,
        gives_up,
        ..
    } = next.processes[me];
    next.processes[me].pending = Some(slot);
    next.processes[me].linked = None;
    match scenario.twin {
        Some(Twin::LeavesByPlainStore) => next.store(me, Address::Word(slot), 0),
        _ => {
            next.drain(me);
            next.set(Address::Word(slot), 0);
        }
    }
    match scenario.twin {
        Some(Twin::GivesUpSilently) if gives_up => Pc::Left,
        Some(Twin::LooksBeforeLeaving) if is_watched => Pc::Wake,
        Some(Twin::LooksBeforeLeaving) => Pc::Left,
        _ => Pc::LookForSleeper,
    }
}
