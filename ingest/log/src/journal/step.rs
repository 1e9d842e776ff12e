//! Steps: what one journal record turned out to be.
//!
//! Owns the reasons for which a record is void. Refuses the judgement itself (see `valid`).

use cairn_schemas::{
    BlockHash, LeafHash,
    block::{Body, Claim, Header},
    decision::LeafEntry,
    genesis::Genesis,
};

/// What a record did to the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Block 0: the partition begins.
    Genesis {
        genesis: Box<Genesis>,
        block: Box<ValidBlock>,
    },
    /// The partition has a new owner and a new epoch.
    Claim(Claim),
    Block(Box<ValidBlock>),
    /// Nothing: the record does not count.
    Void(VoidReason),
}

/// A block that counts, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidBlock {
    pub header: Header,
    pub hash: BlockHash,
    pub body: Body,
    /// What leaf `header.first_leaf + i` commits to, one for each decision.
    pub entries: Vec<LeafEntry>,
    /// Their RFC 6962 leaf hashes, in the same order.
    pub leaves: Vec<LeafHash>,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// Why a record does not count: the first question that it fails.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum VoidReason { $($(#[$doc])* $name),+ }

        impl VoidReason {
            pub const ALL: &'static [VoidReason] = &[$(VoidReason::$name),+];

            /// The stable text in metrics and tables.
            pub const fn text(self) -> &'static str {
                match self { $(VoidReason::$name => $text),+ }
            }
        }
    };
}

reasons! {
    /// Neither a block nor a claim.
    Malformed = "malformed",
    /// Another instance's.
    Instance = "instance",
    /// Another partition's.
    Partition = "partition",
    /// Before block 0 nothing counts.
    BeforeGenesis = "before_genesis",
    /// A first block that is not what block 0 must be, or a later one that carries a genesis document.
    Genesis = "genesis",
    /// Not of the current epoch (a claim: not of the one after it).
    Epoch = "epoch",
    /// A claim by a key that may not lead.
    Unauthorised = "unauthorised",
    /// Not the next height: most often a second copy.
    Height = "height",
    /// It extends another record than the last valid one.
    Prev = "prev",
    /// Not signed by who it must be.
    Signature = "signature",
    /// Before the last block's time.
    TimeBack = "time_back",
    /// Too far after the record's own append time.
    TimeAhead = "time_ahead",
    /// A topic's position went back.
    Position = "position",
    /// The body is not the one that was signed.
    Body = "body",
    /// Neither a decision nor a disposition.
    Empty = "empty",
    /// The number of dispositions is not the stated one.
    Dispositions = "dispositions",
    /// First leaf or tree size do not continue the tree.
    Leaves = "leaves",
    /// The root is not that of the history.
    Root = "root",
}

impl std::fmt::Display for VoidReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}
