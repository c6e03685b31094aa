// The feed as server-sent events.
#pragma once

#include <memory>

#include "api/principal.hpp"
#include "api/readers.hpp"
#include "base/clock.hpp"
#include "index/feed.hpp"
#include "net/http_server.hpp"

namespace gald::api {

/// What a feed says to somebody whose position is of no use.
std::string gone_detail(index::FeedAnswer::Standing standing);

/// The body of a 410: a problem that says where to begin anew.
std::string gone_body(index::FeedAnswer::Standing standing);

/// An event `change` for each change, or with `compact` for each contact, and a comment every 15
/// seconds in between. Ends with an event `gone` when the position becomes too old, and without
/// one after a few minutes, so that nobody is served who is gone. REQUIRES: `after` names its feed;
/// `pool` and `clock` outlive it.
std::shared_ptr<net::BodySource> feed_stream(ReaderPool& pool, const Principal& who,
                                             const index::FeedPosition& after, bool compact,
                                             const base::Clock& clock);

}  // namespace gald::api
