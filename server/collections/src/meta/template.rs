//! `meta.template`: the skeleton of every composite role in a folder, kept in step.

use std::path::PathBuf;

use schemars::JsonSchema;
use seed_fragment::marker;
use seed_role::attrs::{Attrs, Change, Observation};
use seed_role::claim::Claim;
use seed_role::host::{Host, temporary_of};
use seed_role::param::{AbsPath, Output, Outputs};
use seed_role::step::{Goal, Step, Transition};
use seed_role::trouble::Result;
use seed_role::{Declared, Finding, Mend, Role, Watch};
use seed_spec::Code;
use seed_spec::shape::{OutputInfo, RefKind};
use serde::Deserialize;

use super::world::{World, is_past};

/// A template for all composite roles of a folder, kept in sync with them.
///
/// A template is a folder with the files of a role. `{{ instance }}` stands for the name of the role in their text, and `NAME` in their
/// file names. The lines between `seed:begin meta/PART#{{ instance }}` and `seed:end` are updated in every role when the template
/// changes, and merged with edits, like fragments. All other lines are written once, when a file is missing, and then belong to the
/// role. If a role has been edited so that a part no longer fits, it is reported, and no role is changed until that is resolved.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Template {
    /// The folder of the roles.
    pub(super) roles: AbsPath,
    /// The folder of the template. Default: `fragments/meta/role` of the project, or else the template of `seed new role`. `seed
    /// fragment` supports only these two.
    pub(super) template: Option<AbsPath>,
    /// The names of roles to leave out.
    #[serde(default)]
    pub(super) except: Vec<String>,
}

impl Role for Template {
    fn claims(&self) -> Vec<Claim> {
        vec![Claim::Path(self.roles.to_path_buf())]
    }

    fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.roles.file_name().is_none() {
            findings.push(Finding {
                param: "roles".into(),
                code: Code::WrongValue,
                message: format!("`{}` is not a folder of roles", self.roles.display()),
                help: Some("such as ./roles".into()),
            });
        }
        for name in self.except.iter().filter(|name| !marker::is_name(name)) {
            findings.push(Finding {
                param: "except".into(),
                code: Code::BadName,
                message: format!("`{name}` cannot be the name of a role"),
                help: Some("write the names of folders".into()),
            });
        }
        findings
    }

    fn sources(&self) -> Vec<(&'static str, PathBuf)> {
        let template = self.template.as_ref().map(|folder| ("template", folder.to_path_buf()));
        template.into_iter().chain([("roles", self.roles.to_path_buf())]).collect()
    }

    fn observe(&self, host: &dyn Host) -> Result<Observation> {
        Ok(World::of(self, host)?.seen()?.map_or(Observation::Absent, Observation::Present))
    }

    fn wanted(&self, host: &dyn Host) -> Result<Attrs> {
        let world = World::of(self, host)?;
        Ok(world.wanted(&world.goal()?))
    }

    fn mend(&self, _change: &Change, _seen: &Attrs) -> Mend {
        Mend::InPlace
    }

    /// What was edited is merged, and on the way back stays or stops it.
    fn keeps_data(&self, _change: &Change) -> bool {
        true
    }

    fn loses(&self, _host: &dyn Host, _seen: &Attrs, _ours: Option<&Attrs>) -> Option<String> {
        None
    }

    fn fit_past(&self, past: &mut Attrs, seen: &Observation) -> Option<String> {
        if let Observation::Present(seen) = seen {
            super::world::without_what_is_gone(past, seen);
        }
        None
    }

    fn steps(&self, host: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>> {
        let past = match transition.to {
            Goal::Absent if transition.from.attrs().is_none() => return Ok(Vec::new()),
            Goal::Absent => Attrs::new(),
            Goal::Attrs(goal) if transition.from.attrs().is_some_and(|seen| seen.changes(goal).is_empty()) => {
                return Ok(Vec::new());
            }
            Goal::Attrs(goal) if is_past(goal) => goal.clone(),
            Goal::Attrs(_) => return self.bring_in_step(host),
        };
        let role = self.clone();
        let world = World::of(self, host)?;
        let written = world.written_back(&past);
        let run = move |host: &dyn Host| World::of(&role, host)?.take_back(&past, host);
        Ok(vec![guarded(Step::new("take the skeleton out", run), &world, &written)])
    }

    fn outputs(&self, _seen: Option<&Attrs>) -> Outputs {
        Outputs::from([("path".to_string(), Output::Text(self.roles.display().to_string()))])
    }

    fn reads(&self) -> Vec<PathBuf> {
        let own = [seed_fragment::store::FOLDER, seed_fragment::skeleton::FOLDER];
        let of_project = self.roles.ancestors().skip(1).flat_map(|folder| own.map(|name| folder.join(name)));
        let named = [Some(&self.roles), self.template.as_ref()].into_iter().flatten().map(|path| path.to_path_buf());
        named.chain(of_project).collect()
    }

    fn watches(&self) -> Vec<Watch> {
        let paths = [Some(&self.roles), self.template.as_ref()];
        paths.into_iter().flatten().map(|path| Watch::Path(path.to_path_buf())).chain([Watch::Timer]).collect()
    }
}

impl Template {
    /// First the texts that were rendered, then the files, and last what the lock says.
    fn bring_in_step(&self, host: &dyn Host) -> Result<Vec<Step>> {
        let world = World::of(self, host)?;
        let goal = world.goal()?;
        let role = self.clone();
        let run = move |host: &dyn Host| {
            let world = World::of(&role, host)?;
            world.write(&world.goal()?, host)
        };
        let step = guarded(Step::new("bring the roles in step", run), &world, &world.written(&goal));
        Ok(vec![world.folders(&goal).into_iter().fold(step, Step::folder)])
    }
}

/// A step with the temporary files that a stop in it may leave, and the project that it changes.
fn guarded(step: Step, world: &World, written: &[PathBuf]) -> Step {
    let step = written.iter().fold(step, |step, path| step.litter(temporary_of(path)));
    step.durable(world.root().to_path_buf())
}

impl Declared for Template {
    const NAME: &'static str = "meta.template";
    const OUTPUTS: &'static [OutputInfo] = &[OutputInfo { name: "path", kind: RefKind::File, doc: "The folder of the roles." }];
    const EXAMPLE: &'static str = r#"skeleton:
  is: meta.template
  roles: ./roles
  template: ./fragments/meta/role
"#;
}
