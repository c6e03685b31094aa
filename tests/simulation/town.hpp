// A town of people and groups in a directory and a tenant, of whose life the sources tell.
#pragma once

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "model/record.hpp"
#include "said.hpp"

namespace gald::simulation {

/// What one connector has to tell.
using Told = std::map<std::string, std::vector<model::Change>>;

/// The same seed gives the same life. Objects come, change in every published attribute, meet,
/// part, go and come back; groups get and lose members, and other names.
class Town {
 public:
  /// Beside the town's people there is a crowd of contacts that only does things together.
  Town(unsigned seed, int people, int crowd);

  Told begin();

  /// Some days of some people.
  Told live(int events);

  /// All of the crowd moves.
  Told move_the_crowd();

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

  bool one_in(int n) { return below(n) == 0; }

  void something(Told& told);
  void change(Said& said);
  void set_or_clear(Said& said, Attribute attribute, std::vector<std::string> values);
  void meet_or_part(Told& told);
  void change_members(Told& told);
  void tell(Told& told, const std::string& name);

  std::mt19937 random_;
  std::map<std::string, Said> said_;                      ///< by name_of()
  std::map<std::string, std::set<std::string>> members_;  ///< of groups, by name
  std::vector<std::string> people_;
  std::vector<std::string> groups_;
  std::vector<std::string> crowd_;
  int moves_ = 0;
};

}  // namespace gald::simulation
