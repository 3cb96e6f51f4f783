//! One state: memory, every process, and how many may still be killed. Equal roles change places freely.

use super::{Excuse, Role, Scenario, leave};
use crate::memory::{Address, Buffer, Memory, Store};
use crate::scenario::Release;
use crate::state::MOST;
use crate::visited::Parted;
use crate::word::{self, OWNER_DIED, WAITERS};

pub const MOST_SLOTS: usize = 2;

/// Where a process is. A step is one access to what others see, with the private branches that follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pc {
    ReadDeath,
    LookTwice,
    ReadSequence,
    Announce,
    WakeOlder,
    Replace,
    Membarrier,
    ReadSlot,
    ReadValue,
    AskSlot,
    AskNote,
    ReadValueAgain,
    Queue,
    Asleep,
    Unqueue,
    CompareSlot,
    LookAgain,
    WakeOthers,
    StandIn,
    LookFree,
    Claim,
    Leave,
    LookEarly,
    LookForWatchers,
    WakeSleepers,
    Enter,
    Held,
    TryEnter,
    Recover,
    WakeRecovered,
    ClaimInside,
    WriteNote,
    CommitValue,
    LookBeforeSequence,
    CommitSequence,
    Release,
    ReadWatched,
    CompareWatched,
    WakeWatchers,
    ClearWatched,
    Dying(Death),
    Finished,
    #[default]
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Death {
    Unqueue,
    MarkSlot,
    WakeOnSlot,
    LookAtPending,
    WakeOnPending,
}

impl Pc {
    pub fn owns_the_lock(self) -> bool {
        matches!(
            self,
            Self::Recover
                | Self::WakeRecovered
                | Self::ClaimInside
                | Self::WriteNote
                | Self::CommitValue
                | Self::LookBeforeSequence
                | Self::CommitSequence
                | Self::Release
        )
    }
}

/// What `list_op_pending` names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pending {
    #[default]
    Nothing,
    Lock,
    Slot(u8),
}

/// The futexes, as bits: the lock's word, the sequence, and from there on the slots' words.
pub const WORD: u8 = 1;
pub const SEQUENCE: u8 = 2;

pub fn slot_bit(slot: u8) -> u8 {
    4 << slot
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Process {
    pub pc: Pc,
    /// Where it goes on when it has left the lock, or passed the barrier.
    pub resume: Pc,
    pub buffer: Buffer,
    pub pending: Pending,
    /// The slot on its robust list.
    pub linked: Option<u8>,
    pub queued: u8,
    pub woken: u8,
    /// What it saw in the lock's word, the sequence, the announcement and the slots' words.
    pub word: u8,
    pub sequence: u8,
    pub watched: u8,
    pub value: u8,
    /// The word of the slot whose note it is about to read: nobody's.
    pub word_asked: u8,
    pub slots: [u8; MOST_SLOTS],
    /// How far a loop over slots or futexes has come.
    pub at: u8,
    /// Processes whose stores a running membarrier waits for, one bit each.
    pub undrained: u8,
    /// Ghosts: slots whose words were written since it read them; and why it may sleep on.
    pub touched: u8,
    pub excuses: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shared {
    pub memory: Memory,
    pub kills: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub shared: Shared,
    pub processes: [Process; MOST],
}

impl Parted for State {
    type Process = Process;
    type Shared = Shared;

    fn shared(&self) -> Shared {
        self.shared
    }

    fn processes(&self) -> &[Process; MOST] {
        &self.processes
    }

    fn whole(shared: Shared, processes: [Process; MOST]) -> Self {
        Self { shared, processes }
    }
}

pub fn slot_word(slot: u8) -> Address {
    [Address::FirstSlot, Address::SecondSlot][usize::from(slot)]
}

pub fn slot_note(slot: u8) -> Address {
    [Address::FirstNote, Address::SecondNote][usize::from(slot)]
}

pub fn is_living(word: u8) -> bool {
    word::owner(word).is_some()
}

pub fn is_orphaned(word: u8) -> bool {
    !is_living(word) && word::has(word, OWNER_DIED)
}

/// What the notes of a barrier say: a dead slot's, that who was there had arrived; an empty one's, that who was
/// there has left.
pub const ARRIVED: u8 = 1;
pub const NAMED: u8 = 2;

/// Whether a slot is what keeps a barrier from ending.
pub fn is_fault(word: u8, note: u8) -> bool {
    match is_orphaned(word) {
        true => note == ARRIVED,
        false => !is_living(word) && note == NAMED,
    }
}

/// Of a task: that the state knows of it.
pub fn counts(note: u8, value: u8) -> bool {
    (1..=value).contains(&note)
}

impl State {
    pub fn initial(scenario: &Scenario) -> Self {
        let mut memory = Memory::default();
        memory.set(Address::Sequence, 1);
        let mut processes = [Process::default(); MOST];
        for (me, (process, role)) in processes.iter_mut().zip(scenario.roles).enumerate() {
            process.pc = match role {
                Role::Sits(_) => leave::leaving(scenario),
                Role::Takes => Pc::Claim,
                Role::AwaitsAll | Role::Meets(_) => Pc::ReadDeath,
                Role::Begins | Role::Joins | Role::Visits | Role::Commits | Role::Locks => {
                    Pc::Enter
                }
            };
            if let Role::Sits(slot) | Role::Meets(slot) = *role {
                process.linked = Some(slot);
                memory.set(slot_word(slot), word::owned_by(me) | WAITERS);
                memory.set(slot_note(slot), 1);
            }
            // The state has counted it.
            if matches!(role, Role::Sits(_)) {
                memory.set(Address::Value, 1);
            }
        }
        if scenario.has_dead {
            memory.set(slot_word(0), WAITERS | OWNER_DIED);
        }
        let kills = scenario.kills;
        Self {
            shared: Shared { memory, kills },
            processes,
        }
    }

    pub fn load(&self, me: usize, address: Address) -> u8 {
        let own = self.processes[me].buffer.newest(address);
        own.unwrap_or_else(|| self.shared.memory.get(address))
    }

    pub fn store(&mut self, me: usize, address: Address, value: u8) {
        self.processes[me].buffer.push(Store { address, value });
    }

    /// A release: of the lock or of a slot.
    pub fn release(&mut self, scenario: &Scenario, me: usize, address: Address) {
        match scenario.release {
            Release::Plain => self.store(me, address, word::UNLOCKED),
            Release::Exchange => {
                self.drain(me);
                self.set(address, word::UNLOCKED);
            }
        }
    }

    /// A write that reaches memory.
    pub fn set(&mut self, address: Address, value: u8) {
        self.shared.memory.set(address, value);
        for slot in (0..MOST_SLOTS as u8).filter(|slot| slot_word(*slot) == address) {
            for process in &mut self.processes {
                // Between the own look at that word and the kernel's.
                let is_between = match process.pc {
                    Pc::ReadSlot => slot < process.at,
                    Pc::ReadValue | Pc::AskSlot | Pc::AskNote | Pc::ReadValueAgain => true,
                    Pc::Queue => slot + 2 >= process.at,
                    _ => false,
                };
                process.touched |= u8::from(is_between) << slot;
            }
        }
    }

    pub fn drain_oldest(&mut self, me: usize) -> bool {
        let oldest = self.processes[me].buffer.pop_oldest();
        if let Some(Store { address, value }) = oldest {
            self.set(address, value);
        }
        if self.processes[me].buffer.is_empty() {
            for process in &mut self.processes {
                process.undrained &= !(1 << me);
            }
        }
        oldest.is_some()
    }

    pub fn drain(&mut self, me: usize) {
        while self.drain_oldest(me) {}
    }

    pub fn excuse(&mut self, excuse: Excuse, but: usize) {
        for (who, process) in self.processes.iter_mut().enumerate() {
            if who != but && process.queued & SEQUENCE != 0 {
                process.excuses |= excuse as u8;
            }
        }
    }

    /// Nothing is kept from a sleeper of which this is true.
    pub fn may_sleep_for_ever(&self, scenario: &Scenario, me: usize) -> bool {
        let get = |address| self.shared.memory.get(address);
        let mut slots =
            (0..scenario.slots).map(|slot| (get(slot_word(slot)), get(slot_note(slot))));
        let value = get(Address::Value);
        let is_wanted = match scenario.roles[me] {
            Role::Takes => slots.any(|(word, _)| !is_living(word)),
            Role::AwaitsAll => !slots.any(|(word, note)| is_living(word) && counts(note, value)),
            _ => value > 0 || slots.any(|(word, note)| is_fault(word, note)),
        };
        !is_wanted && !is_orphaned(get(Address::Word))
    }
}

/// The canonical form, and which process stands at each place in it.
pub fn canonical(scenario: &Scenario, state: &State) -> (State, [usize; MOST]) {
    let mut order: [usize; MOST] = std::array::from_fn(|process| process);
    let mut start = 0;
    for alike in scenario.roles.chunk_by(|a, b| a == b) {
        let end = start + alike.len();
        order[start..end].sort_by_key(|&process| nameless(state, process));
        start = end;
    }
    let state = match order.is_sorted() {
        true => *state,
        false => renamed(state, order),
    };
    (state, order)
}

/// What can be said of a process without naming another one.
fn nameless(state: &State, me: usize) -> (Process, [bool; 3], [(bool, bool); 3]) {
    let process = state.processes[me];
    let is_mine = |word| word::owner(word) == Some(me);
    let seen = |word| (word::owner(word).is_some(), is_mine(word));
    let owns = [Address::Word, Address::FirstSlot, Address::SecondSlot]
        .map(|address| is_mine(state.shared.memory.get(address)));
    let [first, second] = process.slots;
    (
        Process {
            word: 0,
            slots: [0; MOST_SLOTS],
            undrained: 0,
            ..process
        },
        owns,
        [seen(process.word), seen(first), seen(second)],
    )
}

/// The same state with the process `order[place]` at each place.
pub fn renamed(state: &State, order: [usize; MOST]) -> State {
    let mut number = [0; MOST];
    for (new, old) in order.into_iter().enumerate() {
        number[old] = new;
    }
    let mut next = *state;
    for address in [Address::Word, Address::FirstSlot, Address::SecondSlot] {
        let word = word::renamed(state.shared.memory.get(address), &number);
        next.shared.memory.set(address, word);
    }
    for (new, old) in order.into_iter().enumerate() {
        let process = state.processes[old];
        let undrained = (0..MOST).filter(|old| process.undrained >> old & 1 == 1);
        next.processes[new] = Process {
            word: word::renamed(process.word, &number),
            slots: process.slots.map(|word| word::renamed(word, &number)),
            undrained: undrained.fold(0, |mask, old| mask | 1 << number[old]),
            ..process
        };
    }
    next
}
