//! The same for a line of waiters: `shmcount::raw::turns`, a step an access, in a machine of its own.
//!
//! The state's lock is taken for right here, which the rest of this model says: who wants it is held
//! up until it is free, and its owner's death frees it. So is the wait for a free place. Words of slots, tickets,
//! flags and `tenure` go through store buffers; SIGKILL comes at any step.

mod claims;
mod machine;
mod search;
mod steps;

pub const SLOTS: usize = 2;
pub const MOST: usize = 3;
/// A slot's word whose occupant died. Others are 0, or one more than the occupant's number.
pub const DEAD: u8 = 9;

/// What is made wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twin {
    /// Who claims a slot wakes nobody there.
    ClaimsSilently,
    /// A sleeper looks at the word alone.
    SleepsOnTheWordAlone,
    /// A sleeper is queued on nothing while the word is compared, and then looks at the ticket.
    TicketFirst,
    /// Who leaves looks for sleepers before it leaves.
    LooksBeforeLeaving,
    /// Who leaves stores the word plainly, and nobody makes a barrier of it.
    LeavesByPlainStore,
    /// A sleeper says that it is there when it is queued already.
    RaisedLate,
    /// The slot is not the pending place any more when sleepers are woken.
    PendingTooShort,
    /// The ticket is written when the slot is claimed.
    TicketAfterClaim,
    /// Who gives up wakes nobody.
    GivesUpSilently,
}

#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub processes: usize,
    pub rounds: u8,
    pub kills: u8,
    /// Everybody may give up waiting.
    pub timed: bool,
    pub twin: Option<Twin>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    Lock,
    Next,
    Tenure,
    Word(u8),
    Ticket(u8),
    Watched(u8),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pc {
    #[default]
    Ask,
    ReadNext,
    FindPlace,
    WaitForPlace,
    WriteTicket,
    LookForStale,
    WakeStale,
    PutDown,
    Claim,
    WriteTicketLate,
    Commit,
    Unlock,
    ReadTenure,
    LookAtWord,
    LookAtTicket,
    Raise,
    Queue,
    CompareTicket,
    RaiseLate,
    Asleep,
    Begin,
    Inside,
    End,
    LookEarly,
    Leave,
    LookForSleeper,
    Wake,
    Left,
    DyingQueued,
    DyingInPlace,
    DyingWakes,
    DyingWithLock,
    Finished,
    Dead,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Process {
    pub pc: Pc,
    pub rounds: u8,
    /// Stores under way, oldest first.
    pub buffer: [Option<(Address, u8)>; 6],
    pub ticket: u8,
    pub slot: u8,
    /// How far a search for a place or for who is ahead has come, and how far it goes.
    pub at: u8,
    pub reach: u8,
    /// Who is ahead, as far as was seen: ticket, slot, word.
    pub ahead: Option<(u8, u8, u8)>,
    pub seen: u8,
    /// What the last look at a flag said, where it is used later.
    pub is_watched: bool,
    pub gives_up: bool,
    /// What the kernel knows: the slot that is pending, and the one on the list.
    pub pending: Option<u8>,
    pub linked: Option<u8>,
    pub queued: Option<u8>,
    pub woken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub lock: u8,
    pub next: u8,
    pub tenure: u8,
    pub word: [u8; SLOTS],
    pub tickets: [u8; SLOTS],
    pub watched: [u8; SLOTS],
    pub processes: [Process; MOST],
    pub kills: u8,
    /// Ghosts, for the claims: the last turn that began, whether its owner died in it, and whether
    /// something has gone wrong.
    pub last: u8,
    pub died_inside: bool,
    pub wrong: Option<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    TwoInside,
    OutOfOrder,
    ToldWrong,
    Stuck,
    Endless,
}

impl State {
    pub fn initial(scenario: &Scenario) -> Self {
        let mut processes = [Process::default(); MOST];
        for (number, process) in processes.iter_mut().enumerate() {
            let takes_part = number < scenario.processes;
            process.rounds = if takes_part { scenario.rounds } else { 0 };
            process.pc = if takes_part { Pc::Ask } else { Pc::Finished };
        }
        Self {
            lock: 0,
            next: 1,
            tenure: 0,
            word: [0; SLOTS],
            tickets: [0; SLOTS],
            watched: [0; SLOTS],
            processes,
            kills: scenario.kills,
            last: 0,
            died_inside: false,
            wrong: None,
        }
    }
}
