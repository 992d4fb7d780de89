//! The plan as JSON.

use serde_json::{Value as Json, json};

use super::{Action, Backup, Plan, PlannedRole};
use crate::journal::{Damage, now};

impl Plan {
    /// The plan as `seed plan --json` prints it.
    pub fn json(&self) -> Json {
        let actions: Vec<Json> = self.in_order().map(|planned| role_json(planned, self.keep)).collect();
        let count = |action| self.count(action);
        let composites: Vec<Json> = self
            .wholes
            .iter()
            .map(|whole| json!({"role": &*whole.name, "is": &*whole.is, "why": whole.why.as_deref(), "part_of": whole.part_of.as_deref()}))
            .collect();
        let mut json = json!({
            "spec": self.spec,
            "state": self.state,
            "digest": self.digest,
            "keyed": self.keyed,
            "needs_root": self.needs_root().next().is_some(),
            "kept_by_root": self.kept_by_root,
            "damage": self.damage.iter().map(damage_json).collect::<Vec<_>>(),
            "actions": actions,
            "composites": composites,
            "summary": {
                "create": count(Action::Create), "change": count(Action::Change), "replace": count(Action::Replace),
                "remove": count(Action::Remove), "none": count(Action::None), "unknown": count(Action::Unknown),
            },
        });
        if let Some(path) = &self.continues {
            json["continues"] = json!(path);
        }
        json
    }
}

/// A damage of the journal.
pub fn damage_json(damage: &Damage) -> Json {
    json!({"line": damage.line, "message": damage.what, "concerns": damage.concern(), "known": damage.known})
}

fn role_json(planned: &PlannedRole, keep: u64) -> Json {
    let mut one = json!({
        "role": &*planned.role,
        "is": planned.is,
        "action": planned.action,
        "destructive": planned.destructive(),
        "changes": planned.changes,
        "after": planned.after.iter().map(|name| &**name).collect::<Vec<_>>(),
        "reason": planned.reason,
    });
    if let Some(whole) = &planned.part_of {
        one["part_of"] = json!(&**whole);
    }
    if let Some(loses) = &planned.loses {
        one["loses"] = json!(loses);
    }
    if !planned.commands.is_empty() {
        one["commands"] = json!(planned.commands);
    }
    if let Some(folder) = &planned.folder {
        one["folder"] = json!(folder);
    }
    if planned.refused {
        one["refused"] = json!(true);
    }
    if planned.needs_root {
        one["needs_root"] = json!(true);
    }
    if let Some(backup) = &planned.backup {
        let path = if let Backup::At(path) = backup { Some(path) } else { None };
        one["backup"] = json!({"path": path, "until": now().saturating_add(keep / 1000)});
    }
    one
}
