//! One state of the whole: memory, every process, and how many may still be killed.
//!
//! Locals that are not needed any more are cleared by the steps, so that states which differ only
//! in them are one state.

use crate::death::Death;
use crate::doze::Doze;
use crate::enter::Enter;
use crate::inside::Inside;
use crate::leave::Leave;
use crate::memory::{Address, Buffer, Memory, Store};
use crate::recover::Recover;
use crate::scenario::Scenario;
use crate::sleep::Sleep;
use crate::tell::Tell;
use crate::visited::Parted;
use crate::watch::Watch;
use crate::word_flag::WordFlag;

/// Four processes are the widest scenario.
pub const MOST: usize = 4;

/// Where a process is in its program. A step is one access to what others see, with the private
/// branches that follow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pc {
    Enter(Enter),
    Sleep(Sleep),
    Inside(Inside),
    Recover(Recover),
    Tell(Tell),
    Leave(Leave),
    Watch(Watch),
    Doze(Doze),
    WordFlag(WordFlag),
    /// In `membarrier`: the processes in `undrained` have not been interrupted yet.
    Membarrier,
    Dying(Death),
    Finished,
    #[default]
    Dead,
}

/// What belongs to one process. The kernel reads `pending` and `linked` when it dies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Process {
    pub pc: Pc,
    /// Where a shared piece of program (unregister, repair, membarrier) goes on to.
    pub resume: Pc,
    pub buffer: Buffer,
    /// `list_op_pending` names the lock.
    pub pending: bool,
    /// The lock is on the robust list.
    pub linked: bool,
    /// Futexes this process is queued on, and those through which it was woken: bits of `Futex`.
    pub queued: u8,
    pub woken: u8,
    /// The word it last looked at.
    pub word: u8,
    /// The generation it is registered in.
    pub registered: Option<u8>,
    /// The lock it got had a dead owner.
    pub owner_died: bool,
    /// The twin with a flag in the word: it slept, so others may sleep too.
    pub slept: bool,
    /// The sequence a watcher saw.
    pub sequence: u8,
    /// The announcement a releaser saw.
    pub watched: u8,
    /// The recoveries a watcher read, for its predicate.
    pub recoveries: u8,
    /// Processes a running membarrier has still to interrupt, one bit each.
    pub undrained: u8,
    pub rounds: u8,
}

impl Process {
    /// It runs its program: neither killed nor done.
    pub fn is_running(&self) -> bool {
        !matches!(self.pc, Pc::Dying(_) | Pc::Finished | Pc::Dead)
    }

    /// It owns the lock by its own account: the witness of mutual exclusion.
    pub fn is_inside(&self) -> bool {
        match self.pc {
            Pc::Inside(_) | Pc::Recover(_) => true,
            Pc::Leave(step) => step.owns_the_lock(),
            Pc::Tell(_) => self.resume != Pc::Leave(Leave::Done),
            Pc::WordFlag(step) => step == WordFlag::Release,
            Pc::Sleep(Sleep::Unregister) => !matches!(self.resume, Pc::Enter(_)),
            _ => false,
        }
    }

    pub fn goto(&mut self, pc: Pc) {
        self.pc = pc;
    }

    /// Goes on where the caller of a shared piece of program said.
    pub fn go_on(&mut self) {
        self.pc = std::mem::take(&mut self.resume);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub memory: Memory,
    pub processes: [Process; MOST],
    /// SIGKILLs that may still be sent.
    pub kills: u8,
    /// Commits issued so far: a ghost, read by the checks only.
    pub commits: u8,
}

impl Parted for State {
    type Process = Process;
    type Shared = (Memory, u8, u8);

    fn shared(&self) -> Self::Shared {
        (self.memory, self.kills, self.commits)
    }

    fn processes(&self) -> &[Process; MOST] {
        &self.processes
    }

    fn whole((memory, kills, commits): Self::Shared, processes: [Process; MOST]) -> Self {
        Self {
            memory,
            processes,
            kills,
            commits,
        }
    }
}

impl State {
    pub fn initial(scenario: &Scenario) -> Self {
        let mut memory = Memory::default();
        memory.set(Address::Sequence, 1);
        let mut processes = [Process::default(); MOST];
        for (process, role) in processes.iter_mut().zip(scenario.roles) {
            *process = role.start();
        }
        Self {
            memory,
            processes,
            kills: scenario.kills,
            commits: 0,
        }
    }

    pub fn load(&self, process: usize, address: Address) -> u8 {
        self.processes[process]
            .buffer
            .newest(address)
            .unwrap_or_else(|| self.memory.get(address))
    }

    pub fn store(&mut self, process: usize, address: Address, value: u8) {
        self.processes[process]
            .buffer
            .push(Store { address, value });
    }

    /// Lets the oldest store of a process reach memory; false if it has none.
    pub fn drain_oldest(&mut self, process: usize) -> bool {
        let oldest = self.processes[process].buffer.pop_oldest();
        if let Some(Store { address, value }) = oldest {
            self.memory.set(address, value);
        }
        oldest.is_some()
    }

    pub fn drain(&mut self, process: usize) {
        while self.drain_oldest(process) {}
    }
}
