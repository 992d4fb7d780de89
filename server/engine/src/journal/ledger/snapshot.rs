//! The ledger as a file: a cache of what the journal comes to.

use super::{Entry, Ledger, fingerprint};
use crate::journal::read::Extent;

/// What a snapshot begins with.
const SNAPSHOT: &str = "seed-ledger 5 ";

impl Ledger {
    /// The ledger as text: a line a role, so that what is not asked for need not be read. It comes from `extent` of the journal. A
    /// checksum before it tells one that a power failure has left in part.
    pub fn snapshot(&self, extent: &Extent) -> String {
        let text = self.body(extent);
        format!("{SNAPSHOT}{:08x} {text}", crc32fast::hash(text.as_bytes()))
    }

    fn body(&self, extent: &Extent) -> String {
        let mut text = format!(
            "{}\n{}\n",
            serde_json::to_string(extent).unwrap_or_default(),
            serde_json::to_string(self).unwrap_or_default()
        );
        for (role, entry) in &self.entries {
            let (open, params, json) = match entry {
                Entry::Raw { open, params, json } => (*open, *params, json.to_string()),
                Entry::Read(owned) => (
                    owned.open.is_some(),
                    fingerprint(&owned.is, &owned.params),
                    serde_json::to_string(owned).unwrap_or_default(),
                ),
            };
            text.push_str(&format!("{role}\t{}\t{params:x}\t{json}\n", if open { "open" } else { "-" }));
        }
        text
    }

    /// Reads a snapshot; the second part is how much of the journal it comes from. None if it is not one, or is damaged.
    pub fn from_snapshot(text: &str) -> Option<(Ledger, Extent)> {
        let (checksum, text) = text.strip_prefix(SNAPSHOT)?.split_once(' ')?;
        if u32::from_str_radix(checksum, 16) != Ok(crc32fast::hash(text.as_bytes())) {
            return None;
        }
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let extent = serde_json::from_str(lines.next()?).ok()?;
        let mut ledger: Ledger = serde_json::from_str(lines.next()?).ok()?;
        for line in lines {
            let mut parts = line.splitn(4, '\t');
            let (role, open, params, json) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
            let params = u64::from_str_radix(params, 16).ok()?;
            ledger.entries.insert(role.to_string(), Entry::Raw { open: open == "open", params, json: json.into() });
        }
        Some((ledger, extent))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use seed_role::attrs::Observation;

    use super::super::Owned;
    use super::*;
    use crate::journal::Record;

    #[test]
    fn a_snapshot_that_a_power_failure_left_in_part_is_none() {
        let mut ledger = Ledger::default();
        let made = Owned::begun("file.text", &serde_json::json!({"path": "/x"}), &Observation::Absent);
        ledger.take(&Record::Owned { role: "note".into(), owned: Box::new(made) });
        let extent = Extent { bytes: 7, ..Extent::default() };
        let text = ledger.snapshot(&extent);
        let (read, covered) = Ledger::from_snapshot(&text).unwrap();
        assert!(read.owns("note") && covered == extent);
        for end in 0..text.len() {
            assert!(Ledger::from_snapshot(&text[..end]).is_none(), "cut at {end}");
            let zeroed = format!("{}{}", &text[..end], "\0".repeat(text.len() - end));
            assert!(Ledger::from_snapshot(&zeroed).is_none(), "zeroed from {end}");
        }
    }
}
