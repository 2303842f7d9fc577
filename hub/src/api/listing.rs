//! Pages of which a caller may see a part.

use windlass_store::{ListQuery, Page};

use super::caller::Caller;
use super::error::Result;
use super::route;
use super::view;

/// How many pages one call reads in search of something visible.
const PAGES: usize = 20;

/// What is listed, and how grants name it.
pub(crate) trait Listing: Sync {
    type Item: Send + Sync;
    /// As in the route table.
    const RESOURCE: &'static str;
    /// One page of everything.
    fn fetch(&self, query: &ListQuery) -> impl Future<Output = Result<Page<Self::Item>>> + Send;
    /// The object that a grant must name.
    fn object(&self, item: &Self::Item) -> impl Future<Output = Result<String>> + Send;
}

/// Reads a page and leaves out what the caller may not see; a page of nothing but that is skipped. Without a grant on everything the total stays unsaid.
pub(crate) async fn visible<L: Listing, T>(
    caller: &Caller,
    listing: &L,
    mut query: ListQuery,
    show: impl Fn(L::Item) -> T + Send,
) -> Result<view::Page<T>> {
    let mut page = listing.fetch(&query).await?;
    if caller.may_all(L::RESOURCE, route::GET) {
        return Ok(view::Page::of(page, show));
    }
    for _ in 1..PAGES {
        page.items = may_see(caller, listing, page.items).await?;
        if !page.items.is_empty() || page.next.is_none() {
            break;
        }
        query.after = page.next;
        page = listing.fetch(&query).await?;
    }
    page.items = may_see(caller, listing, page.items).await?;
    Ok(view::Page { total: None, ..view::Page::of(page, show) })
}

async fn may_see<L: Listing>(caller: &Caller, listing: &L, items: Vec<L::Item>) -> Result<Vec<L::Item>> {
    let mut seen = Vec::with_capacity(items.len());
    for item in items {
        if caller.may(L::RESOURCE, route::GET, &listing.object(&item).await?) {
            seen.push(item);
        }
    }
    Ok(seen)
}
