#!/usr/bin/python3
"""Made-up worlds: a directory and a tenant of any size, and the truth about every contact in them.

    world = World(dc, tenant, seed=7, size=300)
    dc.load_offline(world.entries())        # while the controller is stopped
    dc.start(); tenant.start()
    world.populate()
    for contact in world.expected(): ...    # what an index of both sides must say
    world.churn()                           # change both sides; expected() follows

The same seed and size make the same world, except for the GUIDs and SIDs that the controller chooses.
Each contact follows a recipe, and the recipe states what the contact is (its source, kind and status):
the truth comes from how a contact was made, not from a second implementation of the joining.
Without a tenant the world is the directory alone.
"""

import base64
import collections
import random
import uuid

import shapes
from connect import Connect
from lab import child

TENANT_DOMAIN = "contoso.onmicrosoft.com"

#: The truth about a contact. anchors: connector kind -> object id; addresses: SMTP, lower case;
#: others: X500 and SIP addresses; groups: display names of those it is a direct member of.
#: A deleted contact keeps its last anchors, and has groups None: what becomes of its memberships is
#: not a matter of fact.
Expected = collections.namedtuple(
    "Expected", "key source kind status hidden display_name addresses others groups anchors")

#: The truth about a group: members are the keys of contacts, groups the names of groups in it.
ExpectedGroup = collections.namedtuple("ExpectedGroup", "name source members groups anchors")

# ---- recipes --------------------------------------------------------------------------------------
#
# directory: the class of the AD object, if there is one; scope: whether its OU is synchronized;
# cloud: what is made in the cloud besides synchronization; twist: what is done at the end.
# A recipe without a source leaves nothing that an index may show.

Recipe = collections.namedtuple("Recipe", "name share directory scope cloud source kind status twist")

_TABLE = """
user-synchronized      24  user     in   -         hybrid       user     active    -
user-anchored           4  user     in   -         hybrid       user     active    anchor
user-local              8  user     out  -         on_premises  user     active    -
user-cloud              8  -        -    user      cloud        user     active    -
guest                   6  -        -    guest     cloud        guest    active    -
contact-synchronized   14  contact  in   -         hybrid       contact  active    -
contact-local           6  contact  out  -         on_premises  contact  active    -
contact-mailless        1  contact  in   -         on_premises  contact  active    mailless
contact-cloud           6  -        -    contact   cloud        contact  active    -
contact-entra           2  -        -    entra     cloud        contact  active    -
contact-exchange        2  -        -    exchange  cloud        contact  active    -
contact-twin-local      2  contact  out  -         on_premises  contact  active    twin:contact-twin-cloud
contact-twin-cloud      0  -        -    contact   cloud        contact  active    -
guest-twin-guest        2  -        -    guest     cloud        guest    active    twin:guest-twin-contact
guest-twin-contact      0  contact  in   -         hybrid       contact  active    -
user-disabled           3  user     in   -         hybrid       user     disabled  disabled
user-disabled-local     2  user     out  -         on_premises  user     disabled  disabled
user-disabled-cloud     2  -        -    user      cloud        user     disabled  disabled
guest-disabled          1  -        -    guest     cloud        guest    disabled  disabled
user-blocked            2  user     in   -         hybrid       user     disabled  block
user-released           1  user     in   -         hybrid       user     active    release
contact-released        1  contact  in   -         hybrid       contact  active    release
user-unseen             1  -        -    user      hybrid       user     active    unseen
contact-unseen          1  -        -    contact   hybrid       contact  active    unseen
user-cloud-deleted      1  user     in   -         on_premises  user     active    cloud-delete
gone-contact            1  contact  out  -         -            contact  -         erase
gone-user               1  -        -    user      -            user     -         cloud-delete
"""
RECIPES = [Recipe(name, int(share), *(None if word == "-" else word for word in rest))
           for name, share, *rest in map(str.split, _TABLE.strip().splitlines())]
BY_NAME = {recipe.name: recipe for recipe in RECIPES}

# ---- names ----------------------------------------------------------------------------------------

#: given names and surnames by script; an underscore stands for a blank
NAMES = [tuple(names.split()) for names in (
    "Anke Jörg Käthe Maximilian", "Bäcker Straßburger von_Thal Öhler",
    "Aoife Niamh Seán Oisín", "O'Hara D'Arcy Mac_Giolla Ní_Bhriain",
    "Agnieszka Paweł Żaklina Łucja", "Źrebiec Piątek Gżegżółka Śliwa",
    "Étienne Maëlys Jean-Noël Françoise", "L'Hôte Œuvrard d’Estrées Saint-Exact",
    "Ayşegül İlker Nuri Çiğdem", "Ağaoğlu Işıklı Güneş Şimşek",
    "Αντώνης Ζωή Θεόδωρος Ευαγγελία", "Μαυρίδης Κωστοπούλου Ραφτόπουλος Σταθάκη",
    "Артём Фёкла Любовь Григорий", "Щербаков Подъячев Ёжиков Цветаева",
    "Ганна Богдан Її Ґеорґій", "Кравець Їжак Солов'яненко Бойко",
    "יעל דוד נחמן תמר", "בן_דוד שפירא אבוטבול רוזן",
    "خالد نورة يوسف هدى", "الحداد بن_علي القاسم منصور",
    "健太 さくら 悠斗 アンナ", "渡邉 髙木 小野寺 斎藤",
    "子涵 宇 雪梅 志强", "上官 赵 慕容 孙",
    "서준 하윤 지호 은서", "황보 정 선우 최",
    "ก้อง วิภา ณัฐพล อรุณ", "จันทร์เพ็ญ สุวรรณ ทองดี บุญมา",
    "आरव मीरा संजय ज्योति", "त्रिपाठी घोष मिश्रा पाण्डेय",
    "Thảo Đăng Phượng Khuê", "Lữ Đỗ Huỳnh Vũ",
    "Ẹniọlá Chị Ọlá Ṣadé", "Ọ́jọ́ Ńwáná Adébáyọ̀ Ẹkùn",
    "𝒜lex 𠮷男 Zoë X", "𡈽屋 Æthelred Ø Y",
)]

#: ways to build a common name that a careless reader of DNs trips over; {n} keeps it unique
HOSTILE_NAMES = [
    "{s}, {g} {n}", "{s}\\, {g} {n}", '{g} "{s}" {n}', "{g} + {s} {n}", "#{n} {g} {s}", " {g} {s} {n}",
    "{g} {s} {n} ", "  {g}  {s}  {n}  ", "{g}\\{s} {n}", "{g} {s} {n}\\", "{g}; {s}; {n}", "{g}={s} {n}",
    "<{g}> {s} {n}", "{g}/{s} {n}", "({g}*{s}) {n}", "{g} {s} {n} 🎻", "\u200f{g} {s} {n}", "{g}\u00a0{s} {n}",
    "e\u0301 {g} {s} {n}", "{s},CN={g},OU={n}", "<GUID={n}> {g}", "{g};{s}\u0007{n}", "{g} {s} {n} 👩‍👩‍👧",
]

DOMAINS = ("contoso.test", "emea.contoso.test")
EXTERNAL_DOMAINS = ("fabrikam.example", "adatum.example", "xn--bcher-kva.example", "sub.tailspin.example")
TITLES = ("Engineer", "Head of \"Growth\"", "Directrice", "Менеджер", "部長", "R&D; Lead", None)
DEPARTMENTS = ("Sales, North", "R&D", "Qualitätssicherung", "総務部", "כספים", None)
PLACES = (("München", "Germany"), ("Kraków", "Poland"), ("大阪", "Japan"), ("São Paulo", "Brazil"),
          ("Ἀθῆναι", "Greece"), (None, None))


class Subject:
    """One contact of the world: its recipe, its properties and where it stands now."""

    def __init__(self, number, recipe, randomness, shared_address=None):
        draw = randomness
        self.number = number
        self.key = f"s{number:06d}"
        self.recipe = recipe
        self.source, self.kind, self.status = recipe.source, recipe.kind, recipe.status
        self.in_directory = recipe.directory is not None
        self.in_cloud = recipe.cloud is not None or recipe.scope == "in" and recipe.twist != "mailless"
        self.exported = self.in_cloud and self.in_directory
        self.churned = False
        self.guid = None  # given by the controller
        self.dn = None
        self.last_anchors = {}  # of a deleted contact

        script = draw.randrange(len(NAMES) // 2) * 2
        self.given = draw.choice(NAMES[script]).replace("_", " ")
        self.surname = draw.choice(NAMES[script + 1]).replace("_", " ")
        pattern = draw.choice(HOSTILE_NAMES) if draw.random() < 0.25 else "{g} {s} {n}"
        self.name = pattern.format(g=self.given, s=self.surname, n=number)[:64]
        self.display_name = f"{self.given} {self.surname}" if draw.random() < 0.7 else self.name.strip()

        self.alias = draw.choice(("p{n}", "p.{n}", "o'p{n}", "p-{n}_x")).format(n=number)
        home = DOMAINS if self.kind == "user" else EXTERNAL_DOMAINS
        self.mail = shared_address or f"{self.alias}@{draw.choice(home)}"
        extra = draw.choice((0, 0, 1, 1, 2, 4, 12))
        self.secondary = [f"{self.alias}.{n}@{draw.choice(home)}" for n in range(extra)]
        if recipe.twist == "mailless":
            self.mail, self.secondary = None, []
        if self.kind == "guest":
            self.secondary = []  # an invitation carries just the one address
        # capitals in an address do not make it another one
        self.shouts = draw.random() < 0.1
        # Graph knows no such flag for contacts without an Exchange object
        self.hidden = draw.random() < 0.08 and recipe.cloud != "entra"
        self.sip = self.kind == "user" and draw.random() < 0.3
        self.x500 = draw.random() < 0.3 and self.mail is not None and self.kind != "guest"
        self.legacy = self.mail is not None and (self.kind == "contact" or draw.random() < 0.5)
        self.expires_never = draw.random() < 0.2
        self.title, self.department = draw.choice(TITLES), draw.choice(DEPARTMENTS)
        self.city, self.country = draw.choice(PLACES)
        self.phone = f"+44 20 7946 {number % 1000:04d}" if draw.random() < 0.7 else None
        self.mobile = f"+44 7700 900{number % 1000:03d}" if draw.random() < 0.4 else None
        self.anchor = uuid.UUID(int=draw.getrandbits(128)) if recipe.twist == "anchor" else None

    @property
    def unit(self):
        scope = "Synchronized" if self.recipe.scope == "in" else "Local"
        return f"{scope} {'Users' if self.recipe.directory == 'user' else 'Contacts'}"

    @property
    def cloud_address(self):
        """What the synchronization adds to a user."""
        return f"{self.alias}@{TENANT_DOMAIN}" if self.exported and self.kind == "user" else None

    @property
    def proxies(self):
        if self.mail is None:
            return []
        first = self.mail.title() if self.shouts else self.mail
        return (["SMTP:" + first] + ["smtp:" + address for address in self.secondary] + sorted(self.others))

    @property
    def others(self):
        found = set()
        if self.sip:
            found.add("sip:" + self.mail)
        if self.x500:
            found.add(f"X500:/o=Former Organisation/ou=Sites/cn=Recipients/cn={self.alias}")
        return found

    @property
    def entra_id(self):
        if self.recipe.cloud == "exchange" or not (self.exported or self.recipe.cloud):
            return None
        return shapes.entra_id(self.guid if self.exported else "world/" + self.key)

    @property
    def exchange_guid(self):
        if self.recipe.cloud in ("contact", "exchange"):
            return shapes.exchange_guid("world/" + self.key)
        return shapes.exchange_guid(self.guid) if self.exported and self.kind == "contact" else None

    @property
    def member_type(self):
        return "contact" if self.kind == "contact" else "user"


class Group:
    """One group of the world."""

    def __init__(self, number, place, name):
        self.number = number
        self.key = f"g{number:06d}"
        self.place = place  # "synchronized", "local" or "cloud"
        self.name = name
        self.account = f"group{number}"
        self.members = []  # subjects
        self.groups = []  # groups within this one
        self.guid = None
        self.dn = None

    @property
    def source(self):
        return {"synchronized": "hybrid", "local": "on_premises", "cloud": "cloud"}[self.place]

    @property
    def entra_id(self):
        if self.place == "local":
            return None
        return shapes.entra_id(self.guid if self.place == "synchronized" else "world/" + self.key)


class World:
    """A generated directory and tenant."""

    UNITS = ("Synchronized Users", "Synchronized Contacts", "Synchronized Groups",
             "Local Users", "Local Contacts", "Local Groups", "Gone, \"elsewhere\"")

    def __init__(self, dc, tenant=None, seed=1, size=200, big_group=1510):
        """`size` is about the number of contacts; a group of `big_group` members adds to it when it
        needs more users than there are (0: no such group)."""
        self.dc = dc
        self.tenant = tenant
        self.random = random.Random(f"world {seed}")
        self.root = child("World", dc.base_dn, "OU")
        self.connect = tenant and Connect(
            dc, tenant, [self.unit(name) for name in self.UNITS if name.startswith("Synchronized")], TENANT_DOMAIN)
        self.subjects = []
        self.groups = []
        self._make_subjects(size)
        self._make_groups(max(9, size // 25), big_group)

    def unit(self, name):
        return child(name, self.root, "OU")

    # ---- making ----

    def _make_subjects(self, size):
        """Every recipe at least once, the rest by their shares."""
        for recipe in RECIPES:
            if recipe.share:
                self._make(recipe)
        shares = [recipe.share for recipe in RECIPES]
        while len(self.subjects) < size:
            self._make(self.random.choices(RECIPES, shares)[0])

    def _make(self, recipe):
        subject = Subject(len(self.subjects), recipe, self.random)
        self.subjects.append(subject)
        if recipe.twist and recipe.twist.startswith("twin:"):
            other = BY_NAME[recipe.twist.partition(":")[2]]
            self.subjects.append(Subject(len(self.subjects), other, self.random, shared_address=subject.mail))
        if recipe.directory:
            subject.dn = child(subject.name, self.unit(subject.unit))
        if self.subjects[-1].recipe.directory:
            self.subjects[-1].dn = child(self.subjects[-1].name, self.unit(self.subjects[-1].unit))

    def _make_groups(self, count, big_group):
        if big_group:
            while sum(subject.recipe.directory == "user" for subject in self.subjects) < big_group:
                self._make(BY_NAME["user-synchronized"])
        stable = [subject for subject in self.subjects if subject.source]
        here = [subject for subject in stable if subject.in_directory]
        # a soft-deleted member is neither in nor out of a group: keep it out of the question
        above = [subject for subject in stable if subject.in_cloud and subject.recipe.cloud != "exchange"
                 and subject.recipe.twist != "cloud-delete"]
        for number in range(count):
            place = ("synchronized", "local", "cloud")[number % 3]
            group = Group(number, place, self.random.choice(("Team {n}", "Équipe, {n}", "チーム {n}", "#{n}; all"))
                          .format(n=number))
            candidates = above if place == "cloud" else here
            group.members = self.random.sample(candidates, min(len(candidates), self.random.choice((0, 1, 3, 8, 20, 50))))
            reachable = [other for other in self.groups
                         if (other.place != "local" if place == "cloud" else other.place != "cloud")]
            if reachable and number % 2:
                group.groups = [self.random.choice(reachable)]
            self.groups.append(group)
        if big_group:
            group = Group(count, "synchronized", "Everybody")
            group.members = [subject for subject in here if subject.recipe.directory == "user"][:big_group]
            self.groups.append(group)
        for group in self.groups:
            if group.place != "cloud":
                group.dn = child(group.name, self.unit(f"{group.place.title()} Groups"))

    # ---- the directory ----

    def entries(self):
        """(DN, attributes) of everything on-premises, in an order in which it can be added."""
        yield self.root, shapes.directory_unit("World")
        for name in self.UNITS:
            yield self.unit(name), shapes.directory_unit(name)
        for subject in self.subjects:
            if subject.recipe.directory:
                yield subject.dn, self._entry(subject)
        for group in self.groups:
            if group.dn:
                members = [member.dn for member in group.members + group.groups]
                kind, mail = ((shapes.DISTRIBUTION_GROUP, f"{group.account}@contoso.test") if group.number % 2
                              else (shapes.SECURITY_MAIL_GROUP, None))
                yield group.dn, shapes.directory_group(
                    group.account, members, kind, mail, displayName=group.name, extensionAttribute15=group.key)

    @staticmethod
    def _entry(subject):
        entry = {
            "displayName": subject.display_name, "givenName": subject.given, "sn": subject.surname,
            "mail": subject.mail, "mailNickname": subject.alias, "proxyAddresses": subject.proxies,
            "title": subject.title, "department": subject.department, "l": subject.city, "co": subject.country,
            "telephoneNumber": subject.phone, "mobile": subject.mobile,
            "legacyExchangeDN": shapes.on_premises_legacy_dn(subject.alias) if subject.legacy else None,
            "targetAddress": "SMTP:" + subject.mail if subject.mail and subject.kind == "contact" else None,
            "mS-DS-ConsistencyGuid": subject.anchor,
            "msExchHideFromAddressLists": True if subject.hidden else None,
            "extensionAttribute15": subject.key}  # how _learn_guids finds the subject again
        if subject.recipe.directory == "contact":
            return {**shapes.directory_contact(subject.alias, subject.mail), **entry}
        disabled = subject.recipe.twist == "disabled"
        entry = shapes.directory_user(f"p{subject.number}", "contoso.test", disabled=disabled, **entry)
        if subject.expires_never:
            entry["userAccountControl"] += 0x10000
        return entry

    def _learn_guids(self):
        known = {thing.key: thing for thing in self.subjects + self.groups}
        found = self.dc.search("(extensionAttribute15=*)", self.root, ["objectGUID", "extensionAttribute15"])
        for dn, values in found:
            thing = known[values["extensionAttribute15"][0].decode()]
            thing.guid = str(uuid.UUID(bytes_le=values["objectGUID"][0]))
            thing.dn = dn

    # ---- the tenant ----

    def populate(self):
        """Finish the directory, synchronize, and make what lives in the cloud only."""
        self._learn_guids()
        for subject in self._twisted("erase"):
            self.dc.delete(subject.dn)
        self._close_a_ring()
        if not self.tenant:
            return
        self.connect.run()
        made = collections.defaultdict(list)
        for subject in self.subjects:
            if subject.recipe.cloud:
                self._make_in_cloud(subject, made)
        made["groups"] = [self._cloud_group(group) for group in self.groups if group.place == "cloud"]
        self.tenant.bulk(**made)
        for subject in self._twisted("block"):
            self.tenant.put("users", subject.entra_id, {"accountEnabled": False})
        for subject in self._twisted("release"):
            self.tenant.put(subject.member_type, subject.entra_id, {"onPremisesSyncEnabled": False})
            if subject.exchange_guid:
                self.tenant.put("mailcontacts", subject.exchange_guid, {"IsDirSynced": False})
        for subject in self._twisted("cloud-delete"):
            self.tenant.delete("users", subject.entra_id)
            subject.in_cloud = False

    def _twisted(self, twist):
        return [subject for subject in self.subjects if subject.recipe.twist == twist]

    def _close_a_ring(self):
        """Active Directory does not mind groups that contain each other in a circle."""
        outer, inner = next((group, group.groups[0]) for group in self.groups
                            if group.place == "local" and group.groups)
        self.dc.add_members(inner.dn, [outer.dn])
        inner.groups.append(outer)

    def _make_in_cloud(self, subject, made):
        unseen = subject.recipe.twist == "unseen"
        common = {"displayName": subject.display_name, "givenName": subject.given, "surname": subject.surname,
                  "jobTitle": subject.title, "department": subject.department}
        identity = shapes.entra_id("world/" + subject.key)
        if subject.recipe.cloud in ("user", "guest"):
            common |= {"accountEnabled": subject.status != "disabled", "mobilePhone": subject.mobile,
                       "phones": [subject.phone] if subject.phone else [],
                       "showInAddressList": False if subject.hidden else None}
            if subject.recipe.cloud == "guest":
                made["users"].append(shapes.guest(identity, subject.mail, TENANT_DOMAIN, **common))
                return
            if unseen:
                lost = uuid.uuid5(uuid.NAMESPACE_OID, subject.key)
                common |= {"onPremisesSyncEnabled": True,
                           "onPremisesImmutableId": base64.b64encode(lost.bytes_le).decode()}
            made["users"].append(shapes.user(
                identity, userPrincipalName=subject.mail, mail=subject.mail, mailNickname=subject.alias,
                proxies=subject.proxies, **common))
            return
        contact = shapes.contact(
            identity, mail=subject.mail, mailNickname=subject.alias, proxies=subject.proxies,
            business=subject.phone, mobile=subject.mobile, onPremisesSyncEnabled=True if unseen else None, **common)
        if subject.recipe.cloud != "exchange":
            made["contacts"].append(contact)
        if subject.recipe.cloud != "entra":
            of = {**contact, "id": ""} if subject.recipe.cloud == "exchange" else contact
            made["mailcontacts"].append(shapes.mail_contact(
                subject.exchange_guid, of, legacy=shapes.legacy_dn("world/" + subject.key, subject.alias),
                hidden=subject.hidden, synced=unseen))

    @staticmethod
    def _cloud_group(group):
        mail = f"{group.account}@contoso.test"
        members = [(member.member_type, member.entra_id) for member in group.members]
        members += [("group", inner.entra_id) for inner in group.groups]
        return shapes.group(group.entra_id, displayName=group.name, types=["Unified"], securityEnabled=False,
                            mail=mail, proxies=["SMTP:" + mail], mailNickname=group.account, members=members)

    # ---- the truth ----

    def expected(self):
        """The truth about every contact that an index may show, in a stable order."""
        return [truth for truth in map(self._truth, self.subjects) if truth]

    def _truth(self, subject):
        source, status, in_cloud = subject.source, subject.status, subject.in_cloud
        if not self.tenant:
            if not subject.in_directory and status != "deleted":
                return None
            in_cloud = False
            source = source and "on_premises"
            status = "active" if subject.recipe.twist == "block" else status
        if not source:
            return None
        addresses = {address.lower() for address in (subject.mail, *subject.secondary) if address}
        if in_cloud and subject.cloud_address:
            addresses.add(subject.cloud_address.lower())
        anchors = subject.last_anchors or self._anchors(subject, in_cloud)
        others = subject.others
        if in_cloud and subject.recipe.directory == "contact" and subject.legacy:
            # the synchronization takes the name of an AD contact along as an address
            others.add("X500:" + shapes.on_premises_legacy_dn(subject.alias))
        groups = None
        if status != "deleted":
            groups = {group.name for group in self.groups if subject in group.members
                      and (in_cloud if group.place == "cloud" else subject.in_directory)}
        return Expected(subject.key, source, subject.kind, status, subject.hidden, subject.display_name,
                        addresses, others, groups, anchors)

    @staticmethod
    def _anchors(subject, in_cloud):
        anchors = {"ad": subject.guid if subject.in_directory else None,
                   "entra": subject.entra_id if in_cloud else None,
                   "exchange": subject.exchange_guid if in_cloud else None}
        return {name: value for name, value in anchors.items() if value}

    def expected_groups(self):
        """The truth about every group."""
        found = []
        for group in self.groups:
            if group.place == "cloud" and not self.tenant:
                continue
            source = group.source if self.tenant else "on_premises"
            anchors = {"ad": group.guid, "entra": group.entra_id if self.tenant else None}
            members = {member.key for member in group.members if member.status != "deleted"
                       and (member.in_cloud if group.place == "cloud" else member.in_directory)}
            found.append(ExpectedGroup(group.name, source, members, {inner.name for inner in group.groups},
                                       {name: value for name, value in anchors.items() if value}))
        return found

    # ---- change ----

    def churn(self):
        """Let one of each thing happen that can happen to a contact; the truth follows.

        Each call takes contacts that no earlier call has touched, as long as there are some. Returns
        what was done, as (key, sentence).
        """
        done = []
        for recipe, step in (
                ("user-synchronized", self._delete_in_directory), ("contact-synchronized", self._delete_in_directory),
                ("user-local", self._delete_in_directory), ("contact-local", self._delete_in_directory),
                ("guest", self._delete_in_cloud), ("user-cloud", self._delete_in_cloud),
                ("contact-cloud", self._delete_in_cloud), ("user-synchronized", self._delete_in_cloud),
                ("user-local", self._take_into_scope), ("contact-synchronized", self._take_out_of_scope),
                ("user-local", self._disable), ("user-cloud", self._disable),
                ("contact-local", self._hide), ("contact-cloud", self._hide),
                ("user-synchronized", self._leave_group), ("contact-synchronized", self._join_group)):
            if not self.tenant and BY_NAME[recipe].directory is None:
                continue
            if not self.tenant and step == self._delete_in_cloud:
                continue
            subject = self._pick(recipe, step)
            if subject:
                subject.churned = True
                done.append((subject.key, step(subject)))
        if self.tenant:
            self.connect.run()
        return done

    def _pick(self, recipe, step):
        candidates = [subject for subject in self.subjects if subject.recipe.name == recipe and not subject.churned]
        in_cloud_group = {id(member) for group in self.groups if group.place == "cloud" for member in group.members}
        if step == self._delete_in_cloud:
            candidates = [subject for subject in candidates if id(subject) not in in_cloud_group]
        if step == self._leave_group:
            candidates = [subject for subject in candidates if self._directory_groups(subject)]
        return self.random.choice(candidates) if candidates else None

    def _directory_groups(self, subject):
        return [group for group in self.groups if group.dn and subject in group.members]

    def _end(self, subject):
        subject.last_anchors = self._anchors(subject, bool(self.tenant) and subject.in_cloud)
        subject.status = "deleted"
        subject.in_directory = subject.in_cloud = False

    def _delete_in_directory(self, subject):
        self.dc.delete(subject.dn)
        followed = subject.in_cloud
        self._end(subject)
        return "deleted in the directory" + (", and with it in the cloud" if followed else "")

    def _delete_in_cloud(self, subject):
        for kind, identity in ((subject.member_type, subject.entra_id), ("mailcontacts", subject.exchange_guid)):
            if identity:
                self.tenant.delete(kind, identity)
        if subject.in_directory:
            subject.in_cloud, subject.source = False, "on_premises"
            return "deleted in the cloud only"
        self._end(subject)
        return "deleted in the cloud"

    def _take_into_scope(self, subject):
        subject.dn = self.dc.move(subject.dn, self.unit("Synchronized Users"))
        subject.source, subject.in_cloud, subject.exported = "hybrid", True, True
        return "moved to a synchronized unit"

    def _take_out_of_scope(self, subject):
        subject.dn = self.dc.move(subject.dn, self.unit(self.UNITS[-1]))
        subject.source, subject.in_cloud = "on_premises", False
        return "moved out of the synchronized units"

    def _disable(self, subject):
        subject.status = "disabled"
        if subject.in_directory:
            self.dc.modify(subject.dn, {"userAccountControl": 514})
        else:
            self.tenant.put("users", subject.entra_id, {"accountEnabled": False})
        return "disabled"

    def _hide(self, subject):
        subject.hidden = True
        if subject.in_directory:
            self.dc.modify(subject.dn, {"msExchHideFromAddressLists": True})
        else:
            self.tenant.put("mailcontacts", subject.exchange_guid, {"HiddenFromAddressListsEnabled": True})
        return "hidden"

    def _leave_group(self, subject):
        group = self._directory_groups(subject)[0]
        self.dc.remove_members(group.dn, [subject.dn])
        group.members.remove(subject)
        return f"left the group {group.name}"

    def _join_group(self, subject):
        group = next(group for group in self.groups if group.dn and subject not in group.members)
        self.dc.add_members(group.dn, [subject.dn])
        group.members.append(subject)
        return f"joined the group {group.name}"
