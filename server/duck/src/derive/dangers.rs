//! Facts about what is lost, who can reach what, and what can fail.

use seed_engine::plan::{Action, Plan};
use seed_spec::{Data, RoleInstance, Value};

use super::{Deriver, Draft, Subject};
use crate::fact::{Claim, Idea, Ideas, Kind};
use crate::lexicon;

/// What a role type holds that somebody could miss.
fn holds(name: &str, about: &str) -> Option<(&'static str, f64)> {
    Some(match name {
        "storage.file_block_image" => ("everything on that disk", 0.9),
        "storage.btrfs" | "storage.filesystem" => ("the file system and everything in it", 0.9),
        "storage.partition_table" => ("the partitions and everything on them", 0.9),
        "file.directory" => ("what others have put into it", 0.5),
        "storage.loopback_device"
        | "storage.mount"
        | "storage.tmpfs"
        | "file.link"
        | "file.text"
        | "file.template"
        | "file.fragment"
        | "meta.template"
        | "task.command" => return None,
        // A type that is not known here: its documentation says whether it holds something.
        _ if about.contains("data") || about.contains("what it holds") => ("what it holds", 0.7),
        _ => return None,
    })
}

/// That something is made anew.
const MADE_ANEW: [&str; 8] = ["replace", "anew", "again", "recreate", "rebuild", "remake", "reformat", "next apply"];

impl Deriver<'_> {
    /// What the next apply would destroy, as the machine is now.
    pub(super) fn plan(&mut self, plan: &Plan) {
        for planned in plan.roles.iter().filter(|planned| planned.action == Action::Replace) {
            let Some(loses) = &planned.loses else { continue };
            let Some(role) = self.analysis.roles.iter().find(|role| role.name == planned.role) else { continue };
            let (Some(info), Some(thing)) = (role.types.first(), self.named.get(&role.name).copied()) else { continue };
            let name = self.things[thing].name.clone();
            let subject = Subject { thing, name: name.clone(), file: role.entry.0, span: role.name_span, info, share: 1.0 };
            let ideas = Ideas {
                all: vec![Idea::of(lexicon::LOST.iter().copied()), Idea::of(MADE_ANEW)],
                against: Idea::of(lexicon::STAYS.iter().copied()),
                general: false,
            };
            let text = format!("the next apply replaces `{name}` and destroys {loses}");
            let mut fact = Draft::new(text, 1.0, Claim::Ideas(ideas));
            fact.question = format!("As the machine is now: what would the next apply do to `{name}`, and to what it holds?");
            self.push(&subject, Kind::Destroys, "plan", fact);
        }
    }

    /// What is lost, exposed and at risk with a role that is to be there.
    pub(super) fn dangers(&mut self, subject: &Subject<'_>, role: &RoleInstance) {
        self.destroys(subject, role);
        self.exposes(subject, role);
        self.risks(subject, role);
    }

    fn destroys(&mut self, subject: &Subject<'_>, role: &RoleInstance) {
        let name = &subject.name;
        let lost = || Idea::of(lexicon::LOST.iter().copied());
        let stays = || Idea::of(lexicon::STAYS.iter().copied());
        let typed = |word: &str| text_of(role, "type").is_some_and(|typed| typed == word);
        let held = holds(&subject.info.name, &subject.info.about).filter(|_| !typed("swap"));
        if let Some((what, weight)) = held {
            let mut fact = Draft::new(
                format!("removing `{name}` (`absent`) destroys {what}"),
                weight,
                Claim::Ideas(Ideas {
                    all: vec![lost(), Idea::of(lexicon::TAKEN_AWAY.iter().copied())],
                    against: stays(),
                    general: true,
                }),
            );
            fact.question = format!("What happens to your data when `{name}` is removed?");
            self.push(subject, Kind::Destroys, "absent", fact);
            if role.disposable {
                let ideas = Ideas {
                    all: vec![Idea::of(lexicon::DISPOSABLE.iter().copied())],
                    against: Idea::of(lexicon::ASKS.iter().copied()),
                    general: true,
                };
                let mut fact = Draft::new(
                    format!("`{name}` is disposable: its data may be destroyed without asking again"),
                    0.6,
                    Claim::Ideas(ideas),
                );
                fact.span = self.key(subject.file, &["roles", name, "disposable"]);
                fact.question = format!("Would Seed ask you again before it destroys what is in `{name}`?");
                self.push(subject, Kind::Destroys, "disposable", fact);
            }
        }
        let (changes, text): (&[&str], String) = match &*subject.info.name {
            "storage.file_block_image" => (
                &[
                    "smaller",
                    "shrink",
                    "shrinking",
                    "shrunk",
                    "shrinks",
                    "other format",
                    "another format",
                    "different format",
                    "reduce",
                    "change the format",
                    "less space",
                    "decrease",
                    "changing the format",
                    "make it smaller",
                ],
                format!("a smaller size or another format replaces `{name}`, and its content is lost"),
            ),
            "storage.filesystem" => (
                &[
                    "other type",
                    "another type",
                    "different type",
                    "change the type",
                    "changing the type",
                    "reformat",
                    "another file system",
                    "other file system",
                    "uuid",
                    "switch to",
                    "switching to",
                    "different file system",
                    "different filesystem",
                ],
                format!("another type or UUID replaces `{name}`, and its content is lost"),
            ),
            "storage.partition_table" => (
                &[
                    "reorder",
                    "other order",
                    "order",
                    "resize",
                    "smaller",
                    "shrink",
                    "move",
                    "moving",
                    "change the layout",
                    "changing the layout",
                    "different layout",
                    "insert",
                    "change the size",
                    "changing the size",
                ],
                format!("other sizes or another order of the partitions replace `{name}`, and their content is lost"),
            ),
            _ => return self.memory(subject),
        };
        if held.is_some() {
            let ideas = Ideas { all: vec![Idea::of(changes.iter().copied()), remade()], against: Idea::default(), general: true };
            let mut fact = Draft::new(text, 0.35, Claim::Ideas(ideas));
            fact.question = format!("Which changes to `{name}` would destroy what is in it?");
            self.push(subject, Kind::Destroys, "replace", fact);
        }
    }

    fn memory(&mut self, subject: &Subject<'_>) {
        if &*subject.info.name != "storage.tmpfs" {
            return;
        }
        let name = &subject.name;
        let ideas = Ideas {
            all: vec![
                Idea::of(lexicon::LOST.iter().copied()),
                Idea::of(lexicon::TAKEN_AWAY.iter().copied().chain([
                    "shut down",
                    "reboot",
                    "power",
                    "restart",
                    "plug",
                    "off",
                    "boot",
                    "shutdown",
                    "rebooted",
                    "memory",
                    "ram",
                    "done",
                    "over",
                ])),
            ],
            against: Idea::of([
                "survives a reboot",
                "survives reboots",
                "survives the reboot",
                "survives a restart",
                "persistent",
                "kept on disk",
                "survive a reboot",
                "still there after",
                "is kept",
                "stays after",
            ]),
            general: true,
        };
        let mut fact = Draft::new(
            format!("what is in `{name}` lives in memory: it is lost when it is unmounted or the machine stops"),
            1.0,
            Claim::Ideas(ideas),
        );
        fact.question = format!("How long does what you put into `{name}` live?");
        self.push(subject, Kind::Destroys, "memory", fact);
    }

    fn exposes(&mut self, subject: &Subject<'_>, role: &RoleInstance) {
        let name = &subject.name;
        let mode = text_of(role, "mode").and_then(|mode| u32::from_str_radix(mode, 8).ok());
        let open_by_default = &*subject.info.name == "storage.tmpfs" && mode.is_none();
        if open_by_default || mode.is_some_and(|mode| mode & 0o002 != 0) {
            let ideas = Ideas {
                all: vec![Idea::of([
                    "everyone",
                    "everybody",
                    "anyone",
                    "anybody",
                    "all users",
                    "world writable",
                    "any user",
                    "every user",
                    "1777",
                    "0777",
                    "others can write",
                    "others may write",
                ])],
                against: Idea::of(["only root can write", "only the owner", "nobody else", "private", "only i can"]),
                general: false,
            };
            let mut fact = Draft::new(format!("everyone on the machine may write into `{name}`"), 0.5, Claim::Ideas(ideas));
            fact.span = param(role, "mode").map(|value| value.span);
            fact.question = format!("Who besides you may put something into `{name}`?");
            self.push(subject, Kind::Exposes, "writable", fact);
        }
        if subject.info.runs_commands {
            let ideas = Ideas {
                all: vec![Idea::of([
                    "trust",
                    "trusted",
                    "seed trust",
                    "runs whatever",
                    "arbitrary",
                    "can do anything",
                    "as whoever",
                    "runs commands",
                    "runs programs",
                    "own commands",
                    "with the rights of",
                    "any command",
                ])],
                against: Idea::default(),
                general: true,
            };
            let mut fact = Draft::new(
                format!("`{name}` runs commands that the spec names, and so the folder must be trusted first"),
                0.5,
                Claim::Ideas(ideas),
            );
            fact.question = format!("What does somebody allow who applies this spec, because of `{name}`?");
            self.push(subject, Kind::Exposes, "commands", fact);
        }
        // Role types with ports, keys and binds: what they open is what their parameters of these names say.
        for key in ["ports", "bind", "authorized_keys", "sudo", "network"] {
            let Some((value, field)) = param(role, key).zip(subject.info.record.field(key)) else { continue };
            let Some((shown, expected)) = self.expected(&field.shape, value) else { continue };
            let topic = Idea::of([key, "port", "open", "reachable", "key", "access"]);
            let mut fact = Draft::new(
                format!("`{name}` opens {} to others: {shown}", key.replace('_', " ")),
                0.8,
                Claim::Values { values: expected, topic },
            );
            fact.span = Some(value.span);
            fact.question = format!("Who can get into `{name}` from outside, and by what?");
            self.push(subject, Kind::Exposes, key, fact);
        }
    }

    fn risks(&mut self, subject: &Subject<'_>, role: &RoleInstance) {
        let name = &subject.name;
        let fact = match &*subject.info.name {
            "storage.file_block_image"
                if text_of(role, "allocate") != Some("full") && text_of(role, "format") != Some("qcow2") =>
            {
                let sparse = lexicon::CHOICES.iter().find(|choice| choice.word == "sparse");
                let (called, against) = sparse.map_or((&[][..], &[][..]), |choice| (choice.called, choice.against));
                let more = [
                    "fill up",
                    "fills up",
                    "run out",
                    "runs out",
                    "overcommit",
                    "overcommitted",
                    "only takes the space",
                    "only uses what",
                    "takes no room",
                    "no space at first",
                    "really written",
                    "actually written",
                    "actually used",
                    "actually stored",
                ];
                let ideas = Ideas {
                    all: vec![Idea::of(called.iter().copied().chain(more))],
                    against: Idea::of(against.iter().copied()),
                    general: false,
                };
                (
                    "sparse",
                    0.35,
                    format!("`{name}` is sparse: it takes room only as it is written to, so the disk beneath can fill up"),
                    ideas,
                    format!("How much room does `{name}` take before anything is written, and what can go wrong later?"),
                )
            }
            "storage.btrfs" => {
                let devices =
                    param(role, "devices").map_or(0, |value| if let Data::List(items) = &value.data { items.len() } else { 1 });
                let profile = text_of(role, "data").unwrap_or("single");
                let fail = Idea::of([
                    "break",
                    "breaks",
                    "broken",
                    "broke",
                    "fail",
                    "fails",
                    "failing",
                    "failed",
                    "die",
                    "dies",
                    "lose one",
                    "losing one",
                    "lose a",
                    "losing a",
                    "failure",
                    "goes bad",
                    "kaputt",
                    "gives up",
                    "crash",
                    "missing",
                    "goes missing",
                    "defect",
                    "disk is gone",
                    "one is gone",
                ]);
                match profile {
                    "raid1" | "raid1c3" | "raid1c4" | "raid10" if devices > 1 => {
                        let survive = Idea::of([
                            "survive",
                            "survives",
                            "still there",
                            "safe",
                            "nothing is lost",
                            "keeps working",
                            "still has",
                            "other one",
                            "the other",
                            "loses nothing",
                            "still works",
                            "fine",
                            "no data loss",
                            "not lost",
                            "goes on",
                            "carry on",
                            "still have",
                            "without losing",
                            "keep going",
                            "ok",
                        ]);
                        let against = Idea::of([
                            "everything is lost",
                            "all is lost",
                            "all data is lost",
                            "lose everything",
                            "whole pool is lost",
                            "is lost when one",
                            "can't survive",
                            "cannot survive",
                            "all is gone",
                            "everything is gone",
                        ]);
                        (
                            "devices",
                            0.7,
                            format!("one device of `{name}` may break and nothing is lost"),
                            Ideas { all: vec![fail, survive], against, general: true },
                            format!("One of the devices of `{name}` breaks. What then?"),
                        )
                    }
                    "raid0" | "single" if devices > 1 => {
                        let all = Idea::of([
                            "everything",
                            "all",
                            "whole",
                            "lose",
                            "lost",
                            "gone",
                            "no second copy",
                            "no redundancy",
                            "no safety net",
                        ]);
                        let against = Idea::of([
                            "survives",
                            "nothing is lost",
                            "still there",
                            "is safe",
                            "no data is lost",
                            "keeps working",
                            "is redundant",
                        ]);
                        (
                            "devices",
                            0.8,
                            format!("if one device of `{name}` breaks, what is in it is lost"),
                            Ideas { all: vec![fail, all], against, general: true },
                            format!("One of the devices of `{name}` breaks. What then?"),
                        )
                    }
                    "raid5" | "raid6" => {
                        let power = Idea::of([
                            "power",
                            "power loss",
                            "power failure",
                            "outage",
                            "write hole",
                            "crash",
                            "blackout",
                            "plug",
                        ]);
                        (
                            "power",
                            0.7,
                            format!("the kernel does not keep the {profile} of `{name}` safe from power loss"),
                            Ideas { all: vec![power], against: Idea::default(), general: true },
                            format!("What if the power fails while `{name}` is written to?"),
                        )
                    }
                    _ => return,
                }
            }
            "storage.mount"
                if text_of(role, "persist").is_none_or(|word| word == "none") && role.state == seed_spec::State::Present =>
            {
                let idea = Idea::of([
                    "gone after",
                    "not after",
                    "only until",
                    "until the next",
                    "not survive",
                    "doesn't survive",
                    "won't survive",
                    "not persistent",
                    "doesn't come back",
                    "not come back",
                    "apply again",
                    "not permanent",
                    "only for now",
                    "lost after a reboot",
                    "has to be mounted again",
                    "mounted again",
                    "isn't there after",
                    "no fstab",
                    "not in fstab",
                    "forgets",
                ]);
                let against = Idea::of([
                    "survives a reboot",
                    "survives reboots",
                    "permanent",
                    "permanently",
                    "at every boot",
                    "on every boot",
                    "persistent",
                ]);
                (
                    "restart",
                    0.4,
                    format!("nothing mounts `{name}` again after a reboot"),
                    Ideas { all: vec![idea], against, general: false },
                    format!("The machine reboots. Is `{name}` still there?"),
                )
            }
            "storage.filesystem" if text_of(role, "type") == Some("swap") => {
                let idea = Idea::of([
                    "not switched on",
                    "swapon",
                    "not active",
                    "not activated",
                    "not enabled",
                    "not turned on",
                    "isn't used yet",
                    "not used",
                    "switch it on",
                    "turn it on",
                    "isn't switched on",
                    "isn't active",
                    "by hand",
                    "yourself",
                ]);
                let against = Idea::of(["is switched on", "is enabled", "is activated", "gets activated", "is turned on"]);
                (
                    "swap",
                    0.5,
                    format!("`{name}` is made, but not switched on"),
                    Ideas { all: vec![idea], against, general: false },
                    format!("Does the kernel use `{name}` once the spec is applied?"),
                )
            }
            _ => return,
        };
        let (what, weight, text, ideas, question) = fact;
        let mut fact = Draft::new(text, weight, Claim::Ideas(ideas));
        fact.span = param(role, "data").or_else(|| param(role, "size")).map(|value| value.span);
        fact.question = question;
        self.push(subject, Kind::Risk, what, fact);
    }
}

/// That something is made anew, or what that costs.
fn remade() -> Idea {
    Idea::of(lexicon::LOST.iter().copied().chain([
        "anew",
        "from scratch",
        "made again",
        "recreated",
        "rebuilt",
        "rebuild",
        "recreate",
        "start over",
        "starts over",
        "remade",
        "new one",
    ]))
}

fn param<'a>(role: &'a RoleInstance, name: &str) -> Option<&'a Value> {
    role.params.iter().find(|(key, _)| &**key == name).map(|(_, value)| value)
}

fn text_of<'a>(role: &'a RoleInstance, name: &str) -> Option<&'a str> {
    param(role, name)?.as_text().map(|text| &**text)
}
