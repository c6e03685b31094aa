// What an index must publish, said without the code that does it: by the rules of identity alone,
// over the whole world at once instead of batches, with a memory of what was decided before.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "published.hpp"
#include "said.hpp"

namespace gald::simulation {

class Oracle {
 public:
  /// One publication after what was told.
  void publish(std::span<const Said> told);

  /// The contacts without their values.
  const Published& published() const { return published_; }

 private:
  /// How a cloud record came to its contact, the strongest first.
  enum class Tie { x500, address, key, through_entra, object_guid, none };

  struct Object {
    Said said;
    std::string entry = {};  ///< as of the last publication
    Tie tie = Tie::none;
    bool was_live = false;
  };

  /// What the cloud has of somebody: Entra's object, Exchange's, or both.
  struct CloudSide {
    std::vector<std::string> names;  ///< Entra's first
    std::string ad = {};             ///< the AD object it is tied to; empty: none
    Tie tie = Tie::none;
  };

  using Cell = std::vector<std::string>;  // names, strongest first

  std::vector<CloudSide> cloud_sides() const;
  void tie_by_key(CloudSide& side) const;
  void tie_contacts(std::vector<CloudSide>& sides) const;
  std::vector<Cell> cells(const std::vector<CloudSide>& sides) const;
  std::string head_of(const std::string& ad) const;
  std::string entry_in_another_domain(const std::string& ad) const;
  void remember_ties(const std::vector<CloudSide>& sides);
  void give_ids(std::vector<Cell> cells);
  std::string new_id(const Cell& cell, const std::set<std::string>& taken) const;
  PublishedContact contact_of(const Cell& cell) const;

  const Said& said(const std::string& name) const { return objects_.at(name).said; }

  bool is_live(const std::string& name) const;
  bool speaks(const std::string& name) const;  ///< is live and more than a reference
  bool stands(const std::string& name) const;  ///< and does not only add to an object of Entra
  bool stronger(const std::string& a, const std::string& b) const;
  std::string key_of(const std::string& name) const;
  std::vector<std::string> ad_with_key(RecordKind kind, const std::string& key) const;
  std::string earlier_partner(const std::string& name) const;
  bool lost_its_ad(const std::string& name) const;
  std::string carrier(const std::string& entry) const;
  bool took_a_place(const std::string& name) const;

  std::map<std::string, Object> objects_;
  Published published_;
};

}  // namespace gald::simulation
