//! Memory under x86-TSO, futexes, and what the kernel does for the dead.

use super::{Address, DEAD, Pc, Process, State};

impl State {
    fn cell(&mut self, address: Address) -> &mut u8 {
        match address {
            Address::Lock => &mut self.lock,
            Address::Next => &mut self.next,
            Address::Tenure => &mut self.tenure,
            Address::Word(slot) => &mut self.word[slot as usize],
            Address::Ticket(slot) => &mut self.tickets[slot as usize],
            Address::Watched(slot) => &mut self.watched[slot as usize],
        }
    }

    /// What memory holds, for the kernel and for atomic operations, which come after a drain.
    pub fn memory(&mut self, address: Address) -> u8 {
        *self.cell(address)
    }

    pub fn set(&mut self, address: Address, value: u8) {
        *self.cell(address) = value;
    }

    pub fn load(&mut self, me: usize, address: Address) -> u8 {
        let stores = self.processes[me].buffer.iter().flatten().rev();
        let own = stores.into_iter().find(|(to, _)| *to == address);
        match own {
            Some((_, value)) => *value,
            None => self.memory(address),
        }
    }

    pub fn store(&mut self, me: usize, address: Address, value: u8) {
        let free = self.processes[me].buffer.iter_mut().find(|at| at.is_none());
        *free.expect("few stores are under way") = Some((address, value));
    }

    pub fn drain_one(&mut self, me: usize) -> bool {
        let oldest = self.processes[me].buffer[0].take();
        self.processes[me].buffer.rotate_left(1);
        if let Some((address, value)) = oldest {
            self.set(address, value);
        }
        oldest.is_some()
    }

    pub fn drain(&mut self, me: usize) {
        while self.drain_one(me) {}
    }

    pub fn wake_all(&mut self, me: usize, slot: u8) {
        self.drain(me);
        for process in &mut self.processes {
            if process.queued == Some(slot) {
                (process.queued, process.woken) = (None, true);
            }
        }
    }

    /// Every way to wake one.
    pub fn wake_one(&self, slot: u8) -> Vec<State> {
        let asleep = |who: &usize| self.processes[*who].queued == Some(slot);
        let ways = (0..self.processes.len()).filter(asleep).map(|who| {
            let mut next = *self;
            let process = &mut next.processes[who];
            (process.queued, process.woken) = (None, true);
            next
        });
        let ways: Vec<State> = ways.collect();
        if ways.is_empty() { vec![*self] } else { ways }
    }

    /// SIGKILL: nothing remains but stores, and what the kernel knows.
    pub fn kill(&mut self, me: usize) {
        let Process {
            pc,
            buffer,
            ticket,
            slot,
            pending,
            linked,
            queued,
            ..
        } = self.processes[me];
        self.died_inside |= matches!(pc, Pc::Inside | Pc::End) && self.last == ticket;
        self.processes[me] = Process {
            pc: Pc::DyingQueued,
            buffer,
            slot,
            pending,
            linked,
            queued,
            ..Process::default()
        };
    }

    /// The kernel's next step for a dead one.
    pub fn die_on(mut self, me: usize) -> Vec<State> {
        match self.processes[me].pc {
            Pc::DyingQueued => {
                self.processes[me].queued = None;
                self.processes[me].pc = Pc::DyingInPlace;
            }
            Pc::DyingInPlace => {
                self.drain(me);
                self.processes[me].pc = Pc::DyingWithLock;
                let Process {
                    pending, linked, ..
                } = self.processes[me];
                if let Some(slot) = linked.or(pending) {
                    let word = self.word[slot as usize];
                    if word == me as u8 + 1 {
                        self.word[slot as usize] = DEAD;
                        self.processes[me].pc = Pc::DyingWakes;
                    } else if pending.is_some() && word == 0 {
                        self.processes[me].pc = Pc::DyingWakes;
                    }
                }
            }
            Pc::DyingWakes => {
                let process = &mut self.processes[me];
                let slot = process.linked.or(process.pending).expect("it had one");
                process.pc = Pc::DyingWithLock;
                return self.wake_one(slot);
            }
            _ => {
                if self.lock == me as u8 + 1 {
                    self.lock = 0;
                }
                self.processes[me] = Process {
                    pc: Pc::Dead,
                    ..Process::default()
                };
            }
        }
        vec![self]
    }
}
