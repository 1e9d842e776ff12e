//! Promises: what must hold whatever happened.
//!
//! Owns a reader of the journal that no fault touches, its own count of everything, and the comparison with what production says.
//! Refuses to take production's word alone: what is decided twice or never is found by counting, not by asking the decider.

use cairn_log::journal::{Chain, Follower, Step, ValidBlock};
use cairn_log::{EventLog, Place, Record, memory::MemoryLog};
use cairn_processors::decider::{Balance, Context, State, check_invariants, evolve};
use cairn_processors::runner::{Pool, ReplayOptions, Snapshots, replay};
use cairn_schemas::{
    Account, Amount, EventHash, Fact, PublicKey, RealmId, RecordHash, SignedEvent, Stream, Topic,
    decision::{Decision, Position, Subject},
    fact::{Movement, WorkerState},
    merkle::batch,
    record,
};
use futures::FutureExt;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

/// The one partition that lives.
pub const PARTITION: u32 = 0;

/// What a run has seen, for the count of what all runs reach.
pub type Reached = BTreeSet<String>;

/// A reader of the journal that keeps books of its own.
pub struct Witness {
    chain: Chain,
    pub state: Option<State>,
    leaves: Vec<[u8; 32]>,
    /// Where each record was taken.
    taken: BTreeMap<Position, RecordHash>,
    /// Each number of each lane, decided once.
    numbers: BTreeMap<(RealmId, Topic, PublicKey, u64), EventHash>,
    money: BTreeMap<(RealmId, Account), Balance>,
    blocks: u64,
    void: u64,
    pub reached: Reached,
    /// Who may be slashed.
    liar: PublicKey,
}

/// The answer of something that does not wait.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("it waits")
}

pub fn place(topic: Topic) -> Place {
    Place::new(Stream::Topic(topic), PARTITION)
}

/// All that a place shows.
pub fn records(log: &MemoryLog, place: Place) -> Vec<Record> {
    let (mut all, mut from) = (Vec::new(), 0);
    loop {
        let read = now(log.read(place, from, Default::default())).unwrap();
        if read.records.is_empty() {
            return all;
        }
        from = read.next(from);
        all.extend(read.records);
    }
}

impl Witness {
    pub fn new(liar: PublicKey) -> Witness {
        Witness {
            chain: Chain::new(PARTITION),
            state: None,
            leaves: Vec::new(),
            taken: BTreeMap::new(),
            numbers: BTreeMap::new(),
            money: BTreeMap::new(),
            blocks: 0,
            void: 0,
            reached: Reached::new(),
            liar,
        }
    }

    /// Records of topics that a block has disposed of or decided.
    pub fn taken(&self) -> usize {
        self.taken.len()
    }

    /// Reads on, checks every block, and hands on the new ones.
    pub fn read_on(&mut self, log: &MemoryLog) -> Result<Vec<ValidBlock>, String> {
        let mut follower = Follower::new(Arc::new(log.clone()), self.chain.clone());
        let mut blocks = Vec::new();
        while let Some(taken) = now(follower.try_next()).map_err(|error| error.to_string())? {
            match taken.step {
                Step::Void(reason) => {
                    self.void += 1;
                    self.reached.insert(format!("void {}", reason.text()));
                }
                Step::Claim(_) => drop(self.reached.insert("claim".into())),
                Step::Genesis { genesis, .. } => {
                    self.blocks += 1;
                    self.state = Some(State::new(&genesis, PARTITION).map_err(|halt| halt.to_string())?);
                }
                Step::Block(block) => {
                    self.block(&block)?;
                    blocks.push(*block);
                }
            }
        }
        self.chain = follower.into_chain();
        Ok(blocks)
    }

    fn block(&mut self, block: &ValidBlock) -> Result<(), String> {
        self.blocks += 1;
        self.leaves.extend(block.leaves.iter().map(|leaf| leaf.0));
        let header = &block.header;
        let ctx = Context { time: header.time, height: header.height, prev: header.prev, gap_ms: None };
        for disposed in &block.body.dispositions {
            self.reached.insert(disposed.code.text().into());
            self.take(disposed.at, disposed.record)?;
        }
        for decision in &block.body.decisions {
            let event = self.decided(decision)?;
            let state = self.state.as_mut().ok_or("a block before block 0")?;
            evolve(state, &ctx, decision, event.as_ref()).map_err(|halt| halt.to_string())?;
            decision.facts.iter().try_for_each(|fact| self.fact(fact))?;
        }
        check_invariants(self.state.as_ref().ok_or("no state")?).map_err(|halt| format!("height {}: {halt}", header.height))
    }

    fn take(&mut self, at: Position, hash: RecordHash) -> Result<(), String> {
        match self.taken.insert(at, hash) {
            None => Ok(()),
            Some(_) => Err(format!("the record at {at:?} was taken twice")),
        }
    }

    fn decided(&mut self, decision: &Decision) -> Result<Option<SignedEvent>, String> {
        let verdict = decision.verdict.code().map_or("accepted", |code| code.text());
        let (at, bytes) = match &decision.subject {
            Subject::Tick(tick) => {
                self.reached.insert(format!("tick {}", tick.name()));
                return Ok(None);
            }
            Subject::Event { at, record } => (*at, &record.0),
        };
        self.reached.insert(verdict.into());
        self.take(at, record::record_hash(bytes))?;
        let signed = record::open(bytes).map_err(|error| error.to_string())?;
        let event = &signed.event;
        let number = (event.realm, event.topic(), event.source, event.seq);
        if let Some(before) = self.numbers.insert(number, signed.hash) {
            return Err(format!("{} {} was decided twice ({verdict}), as {before} and {}", event.topic(), event.seq, signed.hash));
        }
        Ok(Some(signed))
    }

    fn fact(&mut self, fact: &Fact) -> Result<(), String> {
        self.reached.insert(fact.name().into());
        match fact {
            Fact::WorkerChanged { worker, state: WorkerState::Slashed, .. } if *worker != self.liar => {
                return Err(format!("{worker} is honest and was slashed"));
            }
            _ => {}
        }
        let Some((_, movement)) = fact.movement() else { return Ok(()) };
        self.moved(movement).ok_or_else(|| format!("{movement:?} overflows"))
    }

    fn moved(&mut self, movement: &Movement) -> Option<()> {
        let Movement { realm, debit, credit, amount, .. } = movement;
        let mut change = |account: &Account, change: fn(Balance, Amount) -> Option<Balance>| {
            let balance = self.money.entry((*realm, account.clone())).or_default();
            *balance = change(*balance, *amount)?;
            Some(())
        };
        change(debit, Balance::minus)?;
        change(credit, Balance::plus)
    }

    /// At a checkpoint: the money of the facts is the money of the state, and sums to nothing.
    pub fn balances(&self) -> Result<(), String> {
        let Some(state) = &self.state else { return Ok(()) };
        for ((realm, account), balance) in &self.money {
            if state.balance(*realm, account) != *balance {
                return Err(format!("{account:?} has {} and not {balance}", state.balance(*realm, account)));
            }
        }
        match Balance::sum(self.money.values().copied()) {
            Some(Balance::ZERO) => Ok(()),
            other => Err(format!("all money sums to {other:?}")),
        }
    }

    /// At the end, when everything is quiet: nothing is missing, nothing is double, and a replay agrees.
    pub fn close(
        &mut self,
        log: &MemoryLog,
        acknowledged: &BTreeMap<(Topic, u64), RecordHash>,
        snapshots: Option<Snapshots>,
    ) -> Result<(), String> {
        self.balances()?;
        for topic in Topic::ALL {
            for found in records(log, place(topic)) {
                let at = Position { topic, offset: found.offset, index: 0 };
                if self.taken.get(&at) != Some(&record::record_hash(&found.bytes)) {
                    return Err(format!("the record at {at:?} was not taken as it is"));
                }
            }
        }
        for ((topic, offset), hash) in acknowledged {
            if self.taken.get(&Position { topic: *topic, offset: *offset, index: 0 }) != Some(hash) {
                return Err(format!("{topic} {offset} was acknowledged and is not in the journal"));
            }
        }
        if (self.leaves.len() as u64, batch::root(&self.leaves)) != (self.chain.tree_size(), self.chain.root().0) {
            return Err("the tree over all leaves has another root".into());
        }
        self.replay(log, snapshots)
    }

    fn replay(&mut self, log: &MemoryLog, snapshots: Option<Snapshots>) -> Result<(), String> {
        let options = ReplayOptions { pool: Pool::Inline, snapshots };
        let report = now(replay(Arc::new(log.clone()), PARTITION, &options, |_| ())).map_err(|error| error.to_string())?;
        if report.snapshots > 0 {
            self.reached.insert("snapshot".into());
        }
        let hash = self.state.as_ref().and_then(|state| state.hash().ok());
        let voids: u64 = report.void.values().sum();
        if !report.is_clean() {
            return Err(format!("replay: {:?}", report.problems));
        }
        if (report.state_hash, report.blocks, voids) != (hash, self.blocks, self.void) || report.root != Some(self.chain.root()) {
            return Err(format!("replay came elsewhere: {report:?}"));
        }
        Ok(())
    }
}
