//! The live node of a folder: who serves it now, if anyone.
//!
//! Owns `node.json`. Refuses belief: a file may be left over from a process that died, so the address is asked.

use crate::{
    client::Client,
    node::{config::token, layout::Layout},
};
use cairn_log::durable;
use serde::{Deserialize, Serialize};
use std::{fs, io};

/// What `node.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    pub url: String,
    pub pid: u32,
    pub instance: String,
    pub version: String,
}

impl Live {
    /// Tells commands where this process serves.
    pub fn announce(&self, layout: &Layout) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        durable::write(&layout.node(), &text, durable::PUBLIC)
    }

    /// Takes the announcement back, if it is still this process's.
    pub fn withdraw(&self, layout: &Layout) {
        if Live::said(layout).as_ref() == Some(self) {
            // A leftover does no harm: the address is asked before it is used.
            let _ = fs::remove_file(layout.node());
        }
    }

    fn said(layout: &Layout) -> Option<Live> {
        serde_json::from_slice(&fs::read(layout.node()).ok()?).ok()
    }

    /// The node that serves this folder, if one answers.
    pub async fn find(layout: &Layout) -> Option<(Live, Client)> {
        let live = Live::said(layout)?;
        let client = Client::new(&live.url, token(layout).ok()?.as_deref()).ok()?;
        client.is_alive().await.then_some((live, client))
    }
}
