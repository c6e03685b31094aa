// The sections of the configuration whose keys are names: attributes, connectors, labels. They are
// checked like all others, but no table of keys can list them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config.hpp"
#include "config_nodes.hpp"
#include "reconcile/policy.hpp"

namespace gald::daemon {

/// [connector.NAME.mapping]; `where` is that name.
std::vector<reconcile::FieldRule> parse_mapping(const toml::table& section,
                                                const std::string& where, model::ConnectorKind kind,
                                                const Fail& fail);

/// [precedence]: connectors in their order, for all attributes or for one.
void parse_precedence(const toml::table& section, const std::vector<ConnectorConfig>& connectors,
                      reconcile::Policy& policy, const Fail& fail);

/// The names in lookup.prefer: sources and connectors, each once.
void check_preference(const toml::array& prefer, const std::vector<ConnectorConfig>& connectors,
                      const Fail& fail);

/// [labels]: the groups behind each label.
std::map<std::string, std::vector<std::string>> parse_labels(const toml::table& section,
                                                             const Fail& fail);

}  // namespace gald::daemon
