//! Runs one case: its steps one after the other, on a ledger of its own.

use std::collections::{BTreeMap, BTreeSet};

use toolgate::{Approval, Decision, Event, Gate, Ledger, Timestamp, ToolCall};

use super::{Decided, Observer, explain, judge};
use crate::{
    report::{Failure, Outcome},
    suite::{Act, Asked, Case, Expect, Expected, Step},
};

/// Runs a case to its end, or to the first expectation that does not hold.
pub(super) fn run(gate: &Gate, case: &Case, observer: Option<&dyn Observer>) -> Outcome {
    let mut play = Play::new(gate, case, observer, None);
    for (number, step) in case.steps.iter().enumerate() {
        if let Err(mut failure) = play.step(number, step) {
            failure.step = (case.steps.len() > 1).then_some(number + 1);
            return Outcome::Failed(failure);
        }
    }
    Outcome::Passed
}

/// Whether a case passes. Where it does not, nobody asks why.
pub(super) fn passes(gate: &Gate, case: &Case) -> bool {
    let mut play = Play { quiet: true, ..Play::new(gate, case, None, None) };
    case.steps.iter().enumerate().all(|(number, step)| play.step(number, step).is_ok())
}

/// Is told of a step, its call, the ledger and the time that it is decided on, and the decision.
pub(crate) type Watch<'w> = dyn FnMut(&Step, &ToolCall, &Ledger, Timestamp, &Decision) + 'w;

/// Plays a case to its end whatever its expectations say. An event that is refused has not happened; what comes behind it is
/// played all the same.
pub(crate) fn play(gate: &Gate, case: &Case, watch: &mut Watch<'_>) {
    let mut play = Play::new(gate, case, None, Some(watch));
    for (number, step) in case.steps.iter().enumerate() {
        let _ = play.step(number, step);
    }
}

/// A case that is being played.
struct Play<'a, 'w> {
    gate: &'a Gate,
    case: &'a Case,
    observer: Option<&'a dyn Observer>,
    /// Whether a failure need not say what policies made of the call.
    quiet: bool,
    /// Who looks on, instead of the expectations.
    watch: Option<&'a mut Watch<'w>>,
    ledger: Ledger,
    now: Timestamp,
    /// The calls that are reserved, by the number of their step, with the id of their record.
    reserved: BTreeMap<usize, (u64, &'a ToolCall)>,
    /// The decision that last needed an approval.
    waiting: Option<Decision>,
}

impl<'a, 'w> Play<'a, 'w> {
    fn new(
        gate: &'a Gate,
        case: &'a Case,
        observer: Option<&'a dyn Observer>,
        watch: Option<&'a mut Watch<'w>>,
    ) -> Self {
        let (ledger, now) = (case.start.ledger.clone(), case.start.now);
        Self { gate, case, observer, quiet: false, watch, ledger, now, reserved: BTreeMap::new(), waiting: None }
    }

    fn step(&mut self, number: usize, step: &'a Step) -> Result<(), Box<Failure>> {
        match &step.act {
            Act::Call(asked) => (1..=asked.repeat).try_for_each(|time| {
                self.call(number, step, asked).map_err(|mut failure| {
                    failure.time = (asked.repeat > 1).then_some(time);
                    failure
                })
            }),
            Act::Confirm { call, expect } => {
                let (id, call) = self.reserved(*call, step)?;
                let before = self.ledger.clone();
                let decision = self.gate.confirm(call, id, &mut self.ledger, self.now).decision;
                self.judge(step, call, &before, &decision, expect)
            }
            Act::Complete { call, outcome } => {
                let (id, _) = self.reserved(*call, step)?;
                self.reserved.remove(call);
                let done = self.gate.complete(&mut self.ledger, id, outcome.clone(), self.now);
                done.map(drop).map_err(|why| plain(step, "the outcome is taken", why))
            }
            Act::Abort { call } => {
                let (id, _) = self.reserved(*call, step)?;
                self.reserved.remove(call);
                let done = self.gate.abort(&mut self.ledger, id, self.now);
                done.map(drop).map_err(|why| plain(step, "the call can be given up", why))
            }
            Act::Advance(millis) => {
                self.now = self.now.plus(*millis);
                Ok(())
            }
            Act::Event { event, refused } => self.event(step, event.clone(), refused.as_deref()),
            Act::Approve { class, by, expires, refused } => {
                let (call, classes) = self.waiting(step)?;
                let classes = match class {
                    Some(class) => vec![class.clone()],
                    None => classes,
                };
                let expires = self.now.plus(*expires);
                classes.into_iter().try_for_each(|class| {
                    let approval = Approval { call, class, approver: by.clone(), expires };
                    self.event(step, Event::ApprovalGranted(approval), refused.as_deref())
                })
            }
            Act::Refuse { by, refused } => {
                let (call, _) = self.waiting(step)?;
                self.event(step, Event::ApprovalRefused { call, approver: by.clone() }, refused.as_deref())
            }
        }
    }

    fn call(&mut self, number: usize, step: &'a Step, asked: &'a Asked) -> Result<(), Box<Failure>> {
        let Asked { call, expect, outcome, .. } = asked;
        // One call on a ledger that nobody looks at afterwards need not be reserved.
        let alone = self.case.steps.len() == 1 && asked.repeat == 1;
        let before = self.ledger.clone();
        let (decision, id) = if alone {
            (self.gate.decide(call, &before, self.now), None)
        } else {
            let record = self.gate.authorize(call, &mut self.ledger, self.now);
            (record.decision, record.id)
        };
        self.judge(step, call, &before, &decision, expect)?;
        match (&decision, id) {
            (Decision::Allow { .. }, Some(id)) => match outcome {
                Some(outcome) => {
                    let done = self.gate.complete(&mut self.ledger, id, outcome.clone(), self.now);
                    done.map_err(|why| plain(step, "the outcome is taken", why))?;
                }
                None => drop(self.reserved.insert(number, (id, call))),
            },
            (Decision::NeedsApproval { .. }, _) => self.waiting = Some(decision),
            _ => {}
        }
        Ok(())
    }

    /// The call of an earlier step, if it is reserved.
    fn reserved(&self, number: usize, step: &Step) -> Result<(u64, &'a ToolCall), Box<Failure>> {
        let found = self.reserved.get(&number).copied();
        found.ok_or_else(|| {
            let help = "it was denied, or completed at once; `complete: false` leaves an allowed call reserved";
            plain(step, "the call is reserved", help)
        })
    }

    /// What waits for an approval: the digest of the call, and the classes that are asked.
    fn waiting(&self, step: &Step) -> Result<(toolgate::Digest, Vec<String>), Box<Failure>> {
        match &self.waiting {
            Some(Decision::NeedsApproval { by, basis }) => {
                basis.call.map(|call| (call, by.clone())).ok_or_else(|| plain(step, "a call that waits", "none"))
            }
            _ => Err(plain(step, "a call that waits for an approval", "no call before needed one")),
        }
    }

    fn event(&mut self, step: &Step, event: Event, refused: Option<&str>) -> Result<(), Box<Failure>> {
        let applied = self.gate.apply(&mut self.ledger, event, self.now).map(drop).map_err(|why| why.to_string());
        match (applied, refused) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(wanted)) => {
                Err(plain(step, &format!("the event is refused: {wanted}"), "the ledger takes it"))
            }
            (Err(why), Some(wanted)) if why.contains(wanted) => Ok(()),
            (Err(why), Some(wanted)) => Err(plain(step, &format!("the event is refused: {wanted}"), why)),
            (Err(why), None) => Err(plain(step, "the ledger takes the event", why)),
        }
    }

    /// Holds a decision against what was expected. `before`: the ledger that it was made on.
    fn judge(
        &mut self,
        step: &Step,
        call: &ToolCall,
        before: &Ledger,
        decision: &Decision,
        expect: &Expect,
    ) -> Result<(), Box<Failure>> {
        if let Some(observer) = self.observer {
            let (case, place, ledger, now) = (self.case, &step.place, before, self.now);
            observer.decided(&Decided { case, place, call, ledger, now, decision, expect });
        }
        if let Some(watch) = &mut self.watch {
            watch(step, call, before, self.now, decision);
            return Ok(());
        }
        let mut details = Vec::new();
        let fits = judge::fits(expect, decision);
        let cause = match &expect.because {
            Some(because) if fits => explain::cause(self.gate, call, before, self.now, because, &expect.answer).err(),
            _ => None,
        };
        let erring: BTreeMap<&str, &str> = (decision.basis().answers.iter())
            .flat_map(|answer| answer.errors.iter().map(|(id, why)| (&**id, why.as_str())))
            .collect();
        let expected_errors: BTreeSet<&str> = expect.errors.iter().map(String::as_str).collect();
        let errors_fit = erring.keys().copied().eq(expected_errors.iter().copied());
        if fits && cause.is_none() && errors_fit {
            return Ok(());
        }
        if !fits {
            details.extend(decision.denials().iter().map(|denial| denial.detail.clone()));
        }
        details.extend(cause);
        for (id, why) in erring.iter().filter(|(id, _)| !expected_errors.contains(*id)) {
            details.push(format!(
                "`{id}` failed to evaluate, and the test does not expect that (`errors: [{id}]`): {why}"
            ));
        }
        for id in expected_errors.iter().filter(|id| !erring.contains_key(*id)) {
            details.push(format!("`{id}` was expected to fail to evaluate, and did not"));
        }
        let named = named(expect);
        let full = matches!(&expect.answer, Expected::Allow { obligations: Some(_), .. });
        let views = match self.quiet {
            true => Vec::new(),
            false => explain::views(self.gate, call, before, self.now, decision, &named),
        };
        Err(Box::new(Failure {
            place: expect.place.clone(),
            step: None,
            time: None,
            expected: judge::expected(expect),
            got: judge::got(decision, full),
            details,
            call: judge::call(call),
            views,
        }))
    }
}

/// The policies that an expectation names.
fn named(expect: &Expect) -> BTreeSet<&str> {
    let mut named = match &expect.answer {
        Expected::Allow { policies, .. } | Expected::Approval { policies, .. } => {
            policies.iter().flatten().map(String::as_str).collect()
        }
        Expected::Forbidden(ids) => ids.iter().map(String::as_str).collect(),
        Expected::NoPermit | Expected::Reasons(_) | Expected::AnyDeny => BTreeSet::new(),
    };
    named.extend(expect.among.iter().map(String::as_str));
    named.extend(expect.because.iter().map(|because| because.policy.as_str()));
    named.extend(expect.errors.iter().map(String::as_str));
    named
}

/// A failure of a step that is no decision.
fn plain(step: &Step, expected: &str, got: impl ToString) -> Box<Failure> {
    Box::new(Failure {
        place: step.place.clone(),
        step: None,
        time: None,
        expected: expected.to_owned(),
        got: got.to_string(),
        details: Vec::new(),
        call: String::new(),
        views: Vec::new(),
    })
}
