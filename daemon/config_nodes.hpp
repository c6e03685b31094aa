// What the parsers of the configuration file share: where something stands in it, how it looks in
// an error, and what a wrong name may have been meant for.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

namespace gald::daemon {

/// Takes an error: its line, the key ("connector.ad.url") and what is wrong with it.
using Fail = std::function<void(int, const std::string&, const std::string&)>;

int line_of(const toml::node& node);
int line_of(const toml::key& key);

/// How a value of a wrong type looks in an error: "found 30", "found a list".
std::string found(const toml::node& node);

/// " (did you mean x?)", or nothing when no name is near.
std::string suggestion(std::string_view wrong, const std::vector<std::string_view>& names);

}  // namespace gald::daemon
