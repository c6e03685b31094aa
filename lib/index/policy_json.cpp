#include "index/policy_json.hpp"

#include <array>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace gald::index {

using nlohmann::json;
using reconcile::ConnectorPolicy;
using reconcile::DisabledAccount;
using reconcile::Duplicates;
using reconcile::FieldRule;
using reconcile::Policy;
using reconcile::Transform;

namespace {

template <typename E, std::size_t N>
using Names = std::array<std::pair<E, const char*>, N>;

constexpr Names<Transform, 4> kTransforms = {{{Transform::trim, "trim"},
                                              {Transform::collapse_spaces, "collapse-spaces"},
                                              {Transform::lower, "lower"},
                                              {Transform::upper, "upper"}}};
constexpr Names<Duplicates, 4> kDuplicates = {{{Duplicates::report, "report"},
                                               {Duplicates::skip, "skip"},
                                               {Duplicates::merge, "merge"},
                                               {Duplicates::replace, "replace"}}};
constexpr Names<DisabledAccount, 2> kDisabled = {
    {{DisabledAccount::mark, "mark"}, {DisabledAccount::remove, "remove"}}};

template <typename E, std::size_t N>
std::string name_in(const Names<E, N>& names, E value) {
  for (const auto& [candidate, text] : names)
    if (candidate == value)
      return text;
  throw std::logic_error("a value of the policy without a name");
}

template <typename E, std::size_t N>
E named_in(const Names<E, N>& names, const std::string& text) {
  for (const auto& [candidate, known] : names)
    if (known == text)
      return candidate;
  throw std::runtime_error("damaged JSON in the index: " + text + " is no value of a policy");
}

model::Attribute attribute_in(const std::string& name) {
  if (const auto attribute = model::attribute_named(name))
    return *attribute;
  throw std::runtime_error("damaged JSON in the index: " + name + " is no attribute");
}

// --- values ↔ JSON ---------------------------------------------------------------------------

// A type has a pair of these: encoded() and decode().

json encoded(bool value) {
  return value;
}

json encoded(const std::string& value) {
  return value;
}

json encoded(model::Attribute attribute) {
  return std::string(model::name(attribute));
}

json encoded(Transform value) {
  return name_in(kTransforms, value);
}

json encoded(Duplicates value) {
  return name_in(kDuplicates, value);
}

json encoded(DisabledAccount value) {
  return name_in(kDisabled, value);
}

void decode(const json& from, bool& to) {
  to = from.get<bool>();
}

void decode(const json& from, std::string& to) {
  to = from.get<std::string>();
}

void decode(const json& from, model::Attribute& to) {
  to = attribute_in(from.get<std::string>());
}

void decode(const json& from, Transform& to) {
  to = named_in(kTransforms, from.get<std::string>());
}

void decode(const json& from, Duplicates& to) {
  to = named_in(kDuplicates, from.get<std::string>());
}

void decode(const json& from, DisabledAccount& to) {
  to = named_in(kDisabled, from.get<std::string>());
}

/// The names of a type's members, once for both directions: `visit(name, member)`. The bindings do
/// not compile when a member is missing here.
template <typename Rule, typename Visit>
requires std::is_same_v<std::remove_const_t<Rule>, FieldRule>

void members(Rule& rule, const Visit& visit) {
  auto& [target, from, constant, transforms] = rule;
  visit("target", target);
  visit("from", from);
  visit("constant", constant);
  visit("transforms", transforms);
}

template <typename Connector, typename Visit>
requires std::is_same_v<std::remove_const_t<Connector>, ConnectorPolicy>

void members(Connector& connector, const Visit& visit) {
  auto& [mapping, region] = connector;
  visit("mapping", mapping);
  visit("region", region);
}

template <typename P, typename Visit>
requires std::is_same_v<std::remove_const_t<P>, Policy>

void members(P& policy, const Visit& visit) {
  auto& [precedence, precedence_of, connectors, duplicates, disabled, hidden, labels] = policy;
  visit("precedence", precedence);
  visit("precedence_of", precedence_of);
  visit("connectors", connectors);
  visit("duplicates", duplicates);
  visit("disabled_account", disabled);
  visit("hidden_if_unknown", hidden);
  visit("labels", labels);
}

template <typename T>
concept Composed = requires(T& value) {
  members(value, [](const char*, auto&) {});
};

template <Composed T>
json encoded(const T& value);
template <typename T>
json encoded(const std::optional<T>& value);
template <typename T>
json encoded(const std::vector<T>& values);
template <typename K, typename T>
json encoded(const std::map<K, T>& values);

template <Composed T>
void decode(const json& from, T& to);
template <typename T>
void decode(const json& from, std::optional<T>& to);
template <typename T>
void decode(const json& from, std::vector<T>& to);
template <typename K, typename T>
void decode(const json& from, std::map<K, T>& to);

template <Composed T>
json encoded(const T& value) {
  json object = json::object();
  T standard;
  std::map<std::string, json> defaults;
  members(standard,
          [&](const char* name, const auto& member) { defaults[name] = encoded(member); });
  members(value, [&](const char* name, const auto& member) {
    if (json encoded_member = encoded(member); encoded_member != defaults[name])
      object[name] = std::move(encoded_member);
  });
  return object;
}

template <typename T>
json encoded(const std::optional<T>& value) {
  return value ? encoded(*value) : json(nullptr);
}

template <typename T>
json encoded(const std::vector<T>& values) {
  json list = json::array();
  for (const T& value : values)
    list.push_back(encoded(value));
  return list;
}

template <typename K, typename T>
json encoded(const std::map<K, T>& values) {
  json object = json::object();
  for (const auto& [key, value] : values)
    object[encoded(key).template get<std::string>()] = encoded(value);
  return object;
}

template <Composed T>
void decode(const json& from, T& to) {
  members(to, [&](const char* name, auto& member) {
    if (const auto it = from.find(name); it != from.end())
      decode(*it, member);
  });
}

template <typename T>
void decode(const json& from, std::optional<T>& to) {
  to.reset();
  if (!from.is_null())
    decode(from, to.emplace());
}

template <typename T>
void decode(const json& from, std::vector<T>& to) {
  to.clear();
  for (const json& value : from)
    decode(value, to.emplace_back());
}

template <typename K, typename T>
void decode(const json& from, std::map<K, T>& to) {
  to.clear();
  for (const auto& [name, value] : from.items()) {
    K key{};
    decode(json(name), key);
    decode(value, to[key]);
  }
}

}  // namespace

std::string to_json(const Policy& policy) {
  return encoded(policy).dump(-1, ' ', false, json::error_handler_t::replace);
}

Policy policy_from_json(std::string_view text) {
  Policy policy;
  try {
    decode(json::parse(text), policy);
  } catch (const json::exception&) {
    throw std::runtime_error("damaged JSON in the index: no policy");
  }
  return policy;
}

}  // namespace gald::index
