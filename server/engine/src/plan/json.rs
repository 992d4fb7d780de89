//! The plan as JSON, and its digest.

use seed_role::param::SECRET_MARK;
use seed_spec::analysis::State;
use serde_json::{Value as Json, json};

use super::{Action, Plan, PlannedRole};
use crate::journal::Damage;

impl Plan {
    /// The plan as `seed plan --json` prints it.
    pub fn json(&self) -> Json {
        let actions: Vec<Json> = self.in_order().map(role_json).collect();
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
            "needs_root": self.needs_root,
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

fn role_json(planned: &PlannedRole) -> Json {
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
    if planned.refused {
        one["refused"] = json!(true);
    }
    one
}

/// A hash of what a plan does. Masked secrets count as equal, since their masks differ from process to process; roles
/// that need nothing do not count.
pub(super) fn digest(roles: &[PlannedRole], state: State) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    add(if state == State::Absent { "absent" } else { "present" });
    for planned in roles.iter().filter(|planned| planned.action != Action::None) {
        add(&planned.role);
        add(&planned.is);
        add(planned.action.word());
        add(planned.loses.as_deref().unwrap_or(""));
        for change in &planned.changes {
            add(&change.field);
            add(&unmasked(&change.from));
            add(&unmasked(&change.to));
        }
    }
    hasher.finalize().to_hex()[..16].to_string()
}

fn unmasked(value: &Json) -> String {
    match value {
        Json::String(text) if text.starts_with(SECRET_MARK) => SECRET_MARK.to_string(),
        other => other.to_string(),
    }
}
