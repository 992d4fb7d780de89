//! What has to run before what: removals from the top down, then what is made from the bottom up.

use std::collections::VecDeque;

use crate::journal::Ledger;
use crate::node::Graph;
use crate::plan::{Action, Plan, PlannedRole, Wish};

/// Which half of a change: taking down, in the reverse order of the graph, or building up, along it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Down,
    Up,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Waiting,
    Running,
    Done,
    Failed,
    Skipped,
}

/// A task: one half of the change of one node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub node: usize,
    pub half: Half,
    status: Status,
    waiting: usize,
}

/// The tasks and their order.
pub(super) struct Tasks {
    tasks: Vec<Task>,
    /// For each task those that cannot run without it.
    needed_by: Vec<Vec<usize>>,
    /// How many removals have not ended; what is made anew waits for them.
    removals: usize,
    /// Tasks that wait for nothing but the removals.
    held: Vec<usize>,
    ready: VecDeque<usize>,
    unfinished: usize,
}

/// The largest number of roles whose intents become durable together.
const BATCH: usize = 64;

impl Tasks {
    pub fn new(graph: &Graph, plan: &Plan, ledger: &Ledger) -> Tasks {
        let mut tasks = Vec::new();
        let mut down = vec![None; graph.nodes.len()];
        let mut up = vec![None; graph.nodes.len()];
        for planned in &plan.roles {
            let (goes_down, goes_up) = halves(planned, ledger);
            if goes_down {
                down[planned.node] = Some(tasks.len());
                tasks.push(Task { node: planned.node, half: Half::Down, status: Status::Waiting, waiting: 0 });
            }
            if goes_up {
                up[planned.node] = Some(tasks.len());
                tasks.push(Task { node: planned.node, half: Half::Up, status: Status::Waiting, waiting: 0 });
            }
        }
        let mut needed_by = vec![Vec::new(); tasks.len()];
        let mut link = |first: usize, then: usize| {
            needed_by[first].push(then);
            tasks[then].waiting += 1;
        };
        for (index, node) in graph.nodes.iter().enumerate() {
            for before in &node.after {
                if let (Some(first), Some(then)) = (down[index], down[*before]) {
                    link(first, then);
                }
                if let (Some(first), Some(then)) = (up[*before], up[index]) {
                    link(first, then);
                }
            }
            for over in &node.takes_over {
                if let (Some(first), Some(then)) = (down[over.from], up[index]) {
                    link(first, then);
                }
            }
            if let (Some(first), Some(then)) = (down[index], up[index]) {
                link(first, then);
            }
        }
        let removals = tasks.iter().filter(|task| task.half == Half::Down).count();
        let unfinished = tasks.len();
        let mut all = Tasks { tasks, needed_by, removals, held: Vec::new(), ready: VecDeque::new(), unfinished };
        let free: Vec<usize> = (0..all.tasks.len()).filter(|task| all.tasks[*task].waiting == 0).collect();
        free.into_iter().for_each(|task| all.release(task));
        all
    }

    fn release(&mut self, task: usize) {
        if self.tasks[task].status != Status::Waiting {
            return;
        }
        if self.tasks[task].half == Half::Up && self.removals > 0 {
            self.held.push(task);
        } else {
            self.ready.push_back(task);
        }
    }

    /// How many of them are about ready at the same time, where there are most: more workers would only wait.
    pub fn width(&self) -> usize {
        let mut waiting: Vec<usize> = self.tasks.iter().map(|task| task.waiting).collect();
        let mut level: Vec<usize> = (0..waiting.len()).filter(|task| waiting[*task] == 0).collect();
        let mut width = 0;
        while !level.is_empty() {
            width = width.max(level.len());
            let after = level.iter().flat_map(|task| &self.needed_by[*task]).copied();
            level = after.filter(|then| reduce(&mut waiting[*then])).collect();
        }
        width
    }

    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    pub fn is_finished(&self) -> bool {
        self.unfinished == 0
    }

    pub fn get(&self, task: usize) -> Task {
        self.tasks[task]
    }

    /// Takes tasks that are ready: one worker's fair share of them.
    pub fn take(&mut self, workers: usize) -> Vec<usize> {
        // Some may have been given up since they were ready.
        self.ready.retain(|task| self.tasks[*task].status == Status::Waiting);
        let share = self.ready.len().div_ceil(workers.max(1)).min(BATCH);
        let taken: Vec<usize> = self.ready.drain(..share).collect();
        taken.iter().for_each(|task| self.tasks[*task].status = Status::Running);
        taken
    }

    /// Ends a task, and releases what waited for it. After a failure, gives the tasks that can no longer run.
    pub fn end(&mut self, task: usize, status: Status) -> Vec<Task> {
        let mut skipped = Vec::new();
        let mut ending = vec![(task, status)];
        while let Some((task, status)) = ending.pop() {
            if !matches!(self.tasks[task].status, Status::Waiting | Status::Running) {
                continue;
            }
            self.tasks[task].status = status;
            self.unfinished -= 1;
            if status == Status::Skipped {
                skipped.push(self.tasks[task]);
            }
            if self.tasks[task].half == Half::Down {
                self.removals -= 1;
            }
            for next in std::mem::take(&mut self.needed_by[task]) {
                self.tasks[next].waiting -= 1;
                if status != Status::Done {
                    ending.push((next, Status::Skipped));
                } else if self.tasks[next].waiting == 0 {
                    self.release(next);
                }
            }
        }
        if self.removals == 0 {
            let held = std::mem::take(&mut self.held);
            held.into_iter().for_each(|task| self.release(task));
        }
        skipped
    }

    /// Fails the tasks of a node, and gives those that can no longer run.
    pub fn fail_node(&mut self, node: usize) -> Vec<Task> {
        let tasks: Vec<usize> = (0..self.tasks.len()).filter(|task| self.tasks[*task].node == node).collect();
        tasks.into_iter().flat_map(|task| self.end(task, Status::Failed)).collect()
    }

    /// Gives up all tasks that have not begun.
    pub fn abandon(&mut self) -> Vec<Task> {
        let waiting: Vec<usize> = (0..self.tasks.len()).filter(|task| self.tasks[*task].status == Status::Waiting).collect();
        let mut abandoned = Vec::new();
        for task in waiting {
            abandoned.extend(self.end(task, Status::Skipped));
        }
        self.ready.clear();
        abandoned
    }
}

/// Counts one down, and tells whether nothing is left.
fn reduce(count: &mut usize) -> bool {
    *count -= 1;
    *count == 0
}

/// Whether a role has something to take down, and something to build up. A role that needs nothing still has a task
/// when the ledger must learn so: its last change did not end, or it is as it was before.
fn halves(planned: &PlannedRole, ledger: &Ledger) -> (bool, bool) {
    match (&planned.wish, planned.action) {
        (Wish::Look(_), _) => (false, false),
        (Wish::Present, Action::None) => (false, ledger.is_open(&planned.role)),
        (Wish::Present | Wish::Back { .. }, Action::Replace) => (true, true),
        (Wish::Present, _) => (false, true),
        (Wish::Back { .. }, Action::None) => (ledger.owns(&planned.role), false),
        (Wish::Back { .. }, Action::Create) => (false, true),
        (Wish::Back { .. }, _) => (true, false),
    }
}
