//! Parser events -> [`Tree`].

mod dialect;

use std::collections::HashMap;

use granit_parser::{Event, Marker, Options, Parser, ScalarStyle, ScanError, Span, StructureStyle, options};

use crate::error::{Error, ErrorKind};
use crate::limits::{Limit, Limits};
use crate::scalar::Tag;
use crate::split::Chunk;
use crate::tree::{Content, NodeId, Position, RawScalar, Tree};

/// Reads the first document of a chunk; `None` when it has none.
///
/// `spent` is the number of nodes that earlier chunks of the text used.
pub(crate) fn compose<'a>(chunk: &Chunk<'a>, spent: usize, limits: &Limits) -> Result<Option<Tree<'a>>, Error> {
    let mut composer = Composer::new(*chunk, spent, limits);
    for item in Parser::new_from_str_with_options(chunk.text, parser_options(limits)) {
        let (event, span) = item.map_err(|error| composer.syntax(&error))?;
        if composer.step(event, &span)? == Progress::Done {
            break;
        }
    }
    Ok(if composer.tree.len() == 0 { None } else { Some(composer.tree) })
}

struct Composer<'a, 'l> {
    chunk: Chunk<'a>,
    limits: &'l Limits,
    spent: usize,
    tree: Tree<'a>,
    /// The lists and mappings that are not closed yet, outermost first.
    open: Vec<(NodeId, StructureStyle)>,
    anchors: HashMap<usize, NodeId>,
}

#[derive(PartialEq, Eq)]
enum Progress {
    More,
    Done,
}

/// Our own depth check answers first and names the limit; the parser's only has to stay out of its
/// way, and it looks ahead by up to one simple key (1024 characters).
fn parser_options(limits: &Limits) -> Options {
    let nesting = limits.depth.saturating_add(2048);
    options! {
        emit_comments: false,
        emit_anchor_events: true,
        flow_nesting_limit: nesting,
        block_nesting_limit: nesting,
    }
}

// === impl Composer ===

impl<'a, 'l> Composer<'a, 'l> {
    fn new(chunk: Chunk<'a>, spent: usize, limits: &'l Limits) -> Self {
        Self { chunk, limits, spent, tree: Tree::new(), open: Vec::new(), anchors: HashMap::new() }
    }

    fn step(&mut self, event: Event<'a>, span: &Span) -> Result<Progress, Error> {
        let at = self.chunk.position(&span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.check_scalar(at, &text, style, span)?;
                let plain = style == ScalarStyle::Plain;
                let tag = tag.as_deref().map_or(Tag::None, Tag::from_parser);
                self.place(at, anchor, Content::Scalar(RawScalar { text, plain, tag }))?;
            }
            Event::Anchor(_, name) => self.check(at, dialect::check_anchor(&name))?,
            Event::Alias(id) => self.alias(at, id, span)?,
            Event::SequenceStart(style, anchor, _) => self.enter(at, anchor, style, Content::Sequence(Vec::new()))?,
            Event::MappingStart(style, anchor, _) => self.enter(at, anchor, style, Content::Mapping(Vec::new()))?,
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
            }
            // Go reads one document of a chunk and ignores what follows.
            Event::DocumentEnd => return Ok(Progress::Done),
            _ => {}
        }
        Ok(Progress::More)
    }

    fn enter(&mut self, at: Position, anchor: usize, style: StructureStyle, content: Content<'a>) -> Result<(), Error> {
        self.limits.check(Limit::Depth, self.open.len() + 1, at)?;
        let id = self.place(at, anchor, content)?;
        self.open.push((id, style));
        Ok(())
    }

    fn alias(&mut self, at: Position, anchor: usize, span: &Span) -> Result<(), Error> {
        let name = span.slice(self.chunk.text).unwrap_or_default();
        self.check(at, dialect::check_anchor(name.trim_start_matches('*')))?;
        // The parser refuses names that no anchor defined.
        let target = self.anchors.get(&anchor).copied();
        let target = target.ok_or_else(|| Error::new(at, ErrorKind::Syntax("unknown anchor".to_owned())))?;
        self.place(at, 0, Content::Alias(target)).map(|_| ())
    }

    fn place(&mut self, at: Position, anchor: usize, content: Content<'a>) -> Result<NodeId, Error> {
        self.limits.check(Limit::Nodes, self.spent + self.tree.len() + 1, at)?;
        let id = self.tree.push(at, content);
        if let Some(&(parent, _)) = self.open.last() {
            self.tree.adopt(parent, id);
        }
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        Ok(id)
    }

    fn check_scalar(&self, at: Position, text: &str, style: ScalarStyle, span: &Span) -> Result<(), Error> {
        let checked = match (style, self.open.last()) {
            (ScalarStyle::Plain, Some((_, StructureStyle::Flow))) => {
                let tag_end = span.tag_span().map_or("", |tag| self.source_from(tag.end));
                dialect::check_flow_scalar(text, self.source_from(span.end))
                    .and_then(|()| dialect::check_flow_tag(tag_end))
            }
            (ScalarStyle::Literal | ScalarStyle::Folded, None) if span.start.col() == 0 => {
                dialect::check_root_block(span.slice(self.chunk.text).unwrap_or_default())
            }
            _ => Ok(()),
        };
        self.check(at, checked)
    }

    fn source_from(&self, marker: Marker) -> &'a str {
        marker.byte_offset().and_then(|start| self.chunk.text.get(start..)).unwrap_or_default()
    }

    fn check(&self, at: Position, checked: Result<(), &'static str>) -> Result<(), Error> {
        checked.map_err(|message| Error::new(at, ErrorKind::Syntax(message.to_owned())))
    }

    fn syntax(&self, error: &ScanError) -> Error {
        Error::new(self.chunk.position(error.marker()), ErrorKind::Syntax(error.kind().to_string()))
    }
}
