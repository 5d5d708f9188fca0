//! The records of a guard, one JSON line each, chained.

use std::io::{self, Write};

use toolgate::{Chain, DecisionRecord, Trace};

/// Where records go. Each line carries the digest of the line before.
pub struct Records {
    out: Box<dyn Write + Send>,
    chain: Chain,
}

impl Records {
    /// Records that go on from a chain; the default chain begins one.
    pub fn new(out: impl Write + Send + 'static, chain: Chain) -> Self {
        Self { out: Box::new(out), chain }
    }

    pub(crate) fn decision(&mut self, record: &DecisionRecord) -> io::Result<()> {
        let line = record.chained(&mut self.chain);
        self.line(&line)
    }

    pub(crate) fn traces(&mut self, traces: &[Trace]) -> io::Result<()> {
        traces.iter().try_for_each(|trace| {
            let line = trace.chained(&mut self.chain);
            self.line(&line)
        })
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        self.out.write_all(format!("{line}\n").as_bytes())?;
        self.out.flush()
    }
}
