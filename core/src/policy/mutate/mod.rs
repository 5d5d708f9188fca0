//! Mutants: a bundle with one policy that says something else. A good test suite tells each of them from the bundle.

mod edits;
mod known;
#[cfg(test)]
mod tests;
mod words;

use std::{collections::BTreeSet, ops::Range};

use cedar_policy::{
    PolicyId, PolicySet, Schema, Template, ValidationMode, ValidationWarning, Validator,
    pst::{self, ActionConstraint, Effect},
};

use super::{
    Policy, PolicyBundle,
    actions::Actions,
    compile,
    load::{self, Parsed},
    read_paths, text,
    worlds::Worlds,
};
use crate::{
    engine::{Engine, Reads},
    error::{Diagnostic, Error, Place},
    obligation::Obligation,
    sources::Sources,
};
use known::Known;

/// What a mutant changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `permit` becomes `forbid`, or the other way round.
    FlipEffect,
    /// The policy is left out.
    DropPolicy,
    /// A constraint of the scope lets more through.
    WidenScope,
    /// A constraint of the scope lets less through.
    NarrowScope,
    /// A `when` or `unless` is left out.
    DropClause,
    /// `when` becomes `unless`, or the other way round.
    NegateClause,
    /// An operand of `&&` or `||` is left out.
    DropOperand,
    /// An operand of `&&` or `||` that asks with `has` is left out.
    DropGuard,
    /// An operand of `&&` or `||`, or the condition of an `if`, becomes its opposite.
    NegateOperand,
    /// `&&` becomes `||`, or the other way round.
    SwapJunction,
    /// A comparison becomes another.
    SwapComparison,
    /// A number moves by one: the next that its type has.
    ShiftBound,
    /// `containsAll` becomes `containsAny`, or the other way round.
    SwapContains,
    /// A pattern of `like` takes more.
    WidenPattern,
    /// An entity becomes another of its type.
    SwapEntity,
    /// A string becomes another.
    SwapString,
    /// `true` becomes `false`, or the other way round.
    FlipBool,
    /// A set has one element less.
    DropElement,
    /// `@approval` is left out: nobody can lift the forbid.
    DropApproval,
    /// An `@obligation` is left out.
    DropObligation,
}

impl Operator {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::FlipEffect => "flip-effect",
            Self::DropPolicy => "drop-policy",
            Self::WidenScope => "widen-scope",
            Self::NarrowScope => "narrow-scope",
            Self::DropClause => "drop-clause",
            Self::NegateClause => "negate-clause",
            Self::DropOperand => "drop-operand",
            Self::DropGuard => "drop-guard",
            Self::NegateOperand => "negate-operand",
            Self::SwapJunction => "swap-junction",
            Self::SwapComparison => "swap-comparison",
            Self::ShiftBound => "shift-bound",
            Self::SwapContains => "swap-contains",
            Self::WidenPattern => "widen-pattern",
            Self::SwapEntity => "swap-entity",
            Self::SwapString => "swap-string",
            Self::FlipBool => "flip-bool",
            Self::DropElement => "drop-element",
            Self::DropApproval => "drop-approval",
            Self::DropObligation => "drop-obligation",
        }
    }
}

/// A change of one policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Mutant {
    /// The policy's id.
    pub policy: String,
    /// What is changed.
    pub operator: Operator,
    /// Where.
    pub place: Place,
    /// What stands there.
    pub before: String,
    /// What stands there instead; empty if it is left out.
    pub after: String,
    /// The lines that are changed, as they are.
    pub old: Vec<String>,
    /// What they become.
    pub new: Vec<String>,
    /// The actions that the policy covers, changed or not: no other call can tell the mutant.
    pub actions: BTreeSet<String>,
    /// Why no call can tell it from the bundle, where that is proven.
    pub equivalent: Option<&'static str>,
}

/// A change of the text of a statement; what it becomes is parsed and validated.
struct Edit {
    operator: Operator,
    span: Range<usize>,
    after: String,
}

/// A mutant, ready to be compiled.
struct Made {
    place: usize,
    policy: Policy,
    tree: pst::Template,
    /// What its conditions look at.
    reads: Reads,
}

/// The mutants of a bundle.
pub struct Mutants {
    bundle: PolicyBundle,
    trees: Vec<pst::Template>,
    all: Vec<Mutant>,
    made: Vec<Made>,
}

impl Mutants {
    /// Loads a bundle, and makes the mutants of its policies; those of the baseline too, where that is asked for. What
    /// does not validate, or can never match, is no mutant: such a bundle would not load.
    ///
    /// # Errors
    /// Everything that is wrong with the bundle.
    ///
    /// ```
    /// use toolgate::{Mutants, Sources};
    ///
    /// let mut sources = Sources::default();
    /// sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"\n[servers.notes]");
    /// sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
    /// sources.insert("policies/a.cedar", r#"@id("people") permit (principal is User, action, resource);"#);
    /// let mutants = Mutants::load(&sources, false)?;
    /// let wider = mutants.all().iter().find(|one| one.operator.name() == "widen-scope").unwrap();
    /// assert_eq!((wider.before.as_str(), wider.after.as_str()), ("principal is User", "principal"));
    /// # Ok::<(), toolgate::Error>(())
    /// ```
    pub fn load(sources: &Sources, baseline: bool) -> Result<Self, Error> {
        let load::Loaded { bundle, parsed, schema } = load::load(sources)?;
        let candidates = candidates(&bundle, &parsed, baseline);
        let valid = valid(&candidates, &schema);
        let (all, made) = candidates.into_iter().zip(valid).filter_map(|(one, valid)| valid.then_some(one)).unzip();
        let trees = parsed.into_iter().map(|one| one.tree).collect();
        Ok(Self { bundle, trees, all, made })
    }

    /// All of them, in the order of the policies and of their text.
    pub fn all(&self) -> &[Mutant] {
        &self.all
    }

    /// The bundle itself.
    pub fn original(&self) -> &PolicyBundle {
        &self.bundle
    }

    /// The bundle with the mutant of this place in it. It has the bundle's digest and warnings, and no Cedar to compare with.
    ///
    /// # Errors
    /// There is no such mutant, or it has no compiled form.
    pub fn bundle(&self, mutant: usize) -> Result<PolicyBundle, Error> {
        let missing = || Diagnostic::error("unknown_mutant", format!("there are {} mutants", self.all.len()));
        let (one, made) = self.all.get(mutant).zip(self.made.get(mutant)).ok_or_else(missing)?;
        let Self { bundle, .. } = self;
        let mut policies = bundle.policies.clone();
        if let Some(policy) = policies.get_mut(made.place) {
            *policy = made.policy.clone();
        }
        let tree = |(at, tree)| if at == made.place { &made.tree } else { tree };
        let program = compile::all(policies.iter().zip(self.trees.iter().enumerate().map(tree))).map_err(Error::new)?;
        let reads = one.actions.iter().map(|action| (action.as_str(), &made.reads));
        // Where a program keeps an entity is known in the store.
        let mut store = (*bundle.store).clone();
        Ok(PolicyBundle {
            compiled: bundle.compiled.changed(program, &bundle.catalog, &mut store, reads, bundle.digest()),
            catalog: bundle.catalog.clone(),
            store: store.into(),
            policies,
            slots: bundle.slots.clone(),
            by_id: bundle.by_id.clone(),
            chosen: Engine::Compiled,
            unpacked: false,
            others: None,
            #[cfg(feature = "oracle")]
            cedar: None,
            identity: bundle.identity.clone(),
            warnings: Vec::new(),
        })
    }
}

/// Every mutant that says something else than the bundle, whether it validates or not.
fn candidates(bundle: &PolicyBundle, parsed: &[Parsed], baseline: bool) -> Vec<(Mutant, Made)> {
    let actions = Actions::of(&bundle.catalog);
    let known = Known::of(bundle, parsed, actions.names().map(str::to_owned));
    let permits = parsed.iter().filter(|one| !one.policy.forbids).map(|one| &one.tree).collect();
    let forbids = parsed.iter().filter(|one| one.policy.forbids && one.policy.approval.is_none());
    let forbids: Vec<_> = forbids.map(|one| &one.tree).collect();
    let worlds = Worlds::of(bundle, &actions, permits, &forbids);
    let mut found = Vec::new();
    for (place, one) in parsed.iter().enumerate().filter(|(_, one)| baseline || !one.is_baseline()) {
        let first = found.len();
        for edit in edits::of(&one.source, &one.statement, &known) {
            let Some(made) = changed(place, one, &edit) else { continue };
            let says_the_same = |other: &Policy, tree: &pst::Template| {
                *tree == made.tree
                    && (other.forbids, &other.approval, &other.obligations)
                        == (made.policy.forbids, &made.policy.approval, &made.policy.obligations)
            };
            let own = found.iter().skip(first);
            if says_the_same(&one.policy, &one.tree)
                || own.map(|(_, made): &(Mutant, Made)| made).any(|other| says_the_same(&other.policy, &other.tree))
            {
                continue;
            }
            let covered = [&one.tree, &made.tree].into_iter().flat_map(|tree| actions.covered(&tree.action));
            let mutant = Mutant {
                actions: covered.map(|(_, action)| action.id.to_string()).collect(),
                equivalent: worlds.equivalent(&one.policy, &one.tree, &made.policy, &made.tree),
                ..told(one, edit)
            };
            found.push((mutant, made));
        }
    }
    found
}

/// A mutant as reports tell of it.
fn told(one: &Parsed, edit: Edit) -> Mutant {
    let Edit { operator, span, after } = edit;
    let text = &*one.source;
    let at = |range: Range<usize>| text.get(range).unwrap_or_default();
    let start = at(0..span.start).rfind('\n').map_or(0, |end| end + 1);
    let end = at(span.end..text.len()).find('\n').map_or(text.len(), |length| span.end + length);
    let lines = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    let changed = format!("{}{after}{}", at(start..span.start), at(span.end..end));
    Mutant {
        policy: one.policy.id.to_string(),
        operator,
        place: one.at(span.clone()),
        before: at(span).to_owned(),
        after,
        old: lines(at(start..end)),
        new: lines(&changed),
        actions: BTreeSet::new(),
        equivalent: None,
    }
}

/// The policy as a change leaves it; nothing where that is no policy.
fn changed(place: usize, one: &Parsed, edit: &Edit) -> Option<Made> {
    let (mut policy, mut tree) = (one.policy.clone(), one.tree.clone());
    let mut reads = Reads::default();
    match edit.operator {
        Operator::FlipEffect => {
            policy.forbids = !policy.forbids;
            (policy.approval, policy.obligations) = (None, Vec::new());
            tree.effect = if policy.forbids { Effect::Forbid } else { Effect::Permit };
        }
        Operator::DropPolicy => tree.action = ActionConstraint::In(Vec::new()),
        Operator::DropApproval => policy.approval = None,
        Operator::DropObligation => {
            let value = one.statement.annotations.iter().find(|annotation| annotation.span == edit.span)?;
            let gone = Obligation::parse(&value.value)?;
            policy.obligations.retain(|obligation| *obligation != gone);
        }
        _ => {
            let Range { start, end } = one.statement.head.start..one.statement.span.end;
            let text = |range: Range<usize>| one.source.get(range);
            let text = format!("{}{}{}", text(start..edit.span.start)?, edit.after, text(edit.span.end..end)?);
            let tokens = text::tokens(&text);
            if text::too_deep(&tokens, &text, text::Language::Policies).is_some() {
                return None;
            }
            let id = PolicyId::new(&policy.id);
            tree = match one.tree.principal.has_slot() || one.tree.resource.has_slot() {
                true if text.contains('?') => Template::parse(Some(id), &text).ok()?.to_pst().ok()?,
                _ => load::tree(&cedar_policy::Policy::parse(Some(id), &text).ok()?)?,
            };
            let statements = text::statements(&text, &tokens);
            let named = statements.iter().flat_map(|statement| &statement.entities);
            named.filter(|one| one.kind != "Action").for_each(|one| reads.mention(one.entity()));
            policy.text = text;
        }
    }
    reads.extend(&read_paths::of(&tree));
    Some(Made { place, policy, tree, reads })
}

/// Which of them would load: they validate, and can match.
fn valid(candidates: &[(Mutant, Made)], schema: &Schema) -> Vec<bool> {
    let mut valid = vec![true; candidates.len()];
    let mut set = PolicySet::new();
    for (number, (mutant, made)) in candidates.iter().enumerate() {
        let id = PolicyId::new(number.to_string());
        // What is not in the text of the policy is not validated.
        let added = match mutant.operator {
            Operator::FlipEffect | Operator::DropPolicy | Operator::DropApproval | Operator::DropObligation => true,
            _ if made.policy.text.contains('?') && made.policy.template => {
                Template::parse(Some(id), &made.policy.text).is_ok_and(|one| set.add_template(one).is_ok())
            }
            _ => cedar_policy::Policy::parse(Some(id), &made.policy.text).is_ok_and(|one| set.add(one).is_ok()),
        };
        if let Some(valid) = valid.get_mut(number) {
            *valid = added;
        }
    }
    let result = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
    let wrong = result.validation_errors().map(|error| error.policy_id());
    let impossible = result.validation_warnings().filter_map(|warning| match warning {
        ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_) => {
            Some(warning.policy_id())
        }
        _ => None,
    });
    for id in wrong.chain(impossible) {
        let number: &str = id.as_ref();
        if let Some(valid) = number.parse::<usize>().ok().and_then(|number| valid.get_mut(number)) {
            *valid = false;
        }
    }
    valid
}
