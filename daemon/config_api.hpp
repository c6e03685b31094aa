// [api] of the configuration: its keys, and what they mean together.
#pragma once

#include <vector>

#include "config.hpp"
#include "config_keys.hpp"
#include "config_nodes.hpp"

namespace gald::daemon {

std::vector<KeyInfo> api_keys();

/// `section` may be null: then nothing is configured.
void check_api(const toml::table* section, Config& config, const Fail& fail);

}  // namespace gald::daemon
