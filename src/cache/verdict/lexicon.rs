//! What the guards know of English.
//!
//! Closed classes and broad general vocabulary, written as plain lists so that they can be read and
//! argued about. A word that is in no list is taken for a name: it must stand on both sides. So an
//! entry here only ever makes the guards more lenient, and leaving a word out costs hits, not truth.
//! Lists hold any form of a word; they are stemmed the way prompts are.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::stem::{WordHasher, stem_hash, word_hash};

/// What a word that is not matched on the other side costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Nothing: it carries no content.
    Empty,
    /// Little: a general verb or adverb that rarely changes what is asked.
    Light,
    /// Little when added ("the city of Rome"), everything when exchanged for another word.
    Sort,
    /// Everything.
    #[default]
    Full,
}

/// How two things are compared or bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bound {
    AtLeast,
    AtMost,
    Above,
    Below,
    Exactly,
    Before,
    After,
    Since,
    Until,
    Only,
}

/// The part that a preposition gives to what follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    #[default]
    None,
    From,
    To,
    By,
    Than,
    /// Stands where `did X …` puts the one who does.
    Subject,
}

/// What sort of answer is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Not told, or told by a noun.
    #[default]
    Anything,
    Person,
    Time,
    Place,
    Reason,
    Manner,
    Count,
    Amount,
    Duration,
    Frequency,
    Truth,
}

/// What a function word does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    /// Carries nothing.
    Filler,
    Negation,
    Bound(Bound),
    /// Bounds only in front of a number, else carries nothing.
    BoundOfNumber(Bound),
    Role(Role),
    /// Joins equals: what stands on both sides of it may be swapped.
    Symmetric,
    And,
    Or,
    Asks(Wanted),
    /// `how`: what follows says what is asked.
    How,
    Possessive(u8),
    /// `have to`.
    Must,
    Present,
    Past,
    Future,
    Number(f64),
    Ordinal(f64),
    /// `hundred`, `thousand` …
    Scale(f64),
    /// A month; some are ordinary words too.
    Month(u8),
    MaybeMonth(u8),
}

/// What is known of a content word.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sense {
    pub(super) weight: Weight,
    /// Numbers of the synonym groups it belongs to, 0 = none.
    pub(super) groups: [u16; 6],
    /// Numbers of its antonym pairs, signed by the side.
    pub(super) poles: [i16; 2],
    /// The sorts of question that say this noun already, one bit each.
    pub(super) said_by: u16,
    /// `largest`: belongs to the word after it.
    pub(super) is_superlative: bool,
    /// A name although it is listed.
    pub(super) is_name: bool,
    /// `borders`: who and whom may change places.
    pub(super) is_mutual: bool,
}

/// A fixed sequence of words and what it stands for.
#[derive(Debug)]
pub(super) struct Phrase {
    /// The words after the first.
    pub(super) rest: Box<[u64]>,
    pub(super) meaning: Meaning,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Meaning {
    /// This one content word.
    Word(u64),
    Function(Function),
    /// An abbreviation of a number of years, days …: the content word after a question of this sort.
    Measure(u64, Wanted),
}

/// All tables, keyed by word or stem hash.
#[derive(Debug)]
pub(super) struct Lexicon {
    pub(super) functions: HashMap<u64, Function, WordHasher>,
    pub(super) irregular: HashMap<u64, u64, WordHasher>,
    pub(super) senses: HashMap<u64, Sense, WordHasher>,
    pub(super) phrases: HashMap<u64, Vec<Phrase>, WordHasher>,
    pub(super) units: HashMap<u64, u64, WordHasher>,
}

/// Built at the first judgement: some hundred microseconds, once per process.
pub(super) static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::build);

impl Lexicon {
    fn build() -> Self {
        let mut lexicon = Lexicon {
            functions: HashMap::default(),
            irregular: HashMap::default(),
            senses: HashMap::default(),
            phrases: HashMap::default(),
            units: HashMap::default(),
        };
        lexicon.add_functions();
        for line in IRREGULAR.lines() {
            let mut words = line.split_whitespace();
            let base = words.next().map_or(0, stem_hash);
            for form in words {
                lexicon.irregular.insert(word_hash(form), base);
            }
        }
        for (words, weight) in [(EMPTY, Weight::Empty), (LIGHT, Weight::Light), (SORTS, Weight::Sort), (GIVEN_NAMES, Weight::Sort)] {
            for word in words.split_whitespace() {
                let stem = lexicon.stem(word);
                lexicon.senses.entry(stem).or_insert(Sense { weight, ..Sense::default() });
            }
        }
        for word in SUPERLATIVES.split_whitespace() {
            let stem = lexicon.stem(word);
            lexicon.senses.entry(stem).or_default().is_superlative = true;
        }
        for word in MUTUAL.split_whitespace() {
            let stem = lexicon.stem(word);
            lexicon.senses.entry(stem).or_default().is_mutual = true;
        }
        for (wanted, words) in SAID {
            for word in words.split_whitespace() {
                let stem = lexicon.stem(word);
                lexicon.senses.entry(stem).or_default().said_by |= 1 << *wanted as u16;
            }
        }
        lexicon.add_groups();
        lexicon.add_antonyms();
        lexicon.add_phrases();
        for line in UNITS.lines() {
            let mut words = line.split_whitespace();
            let base = words.next().map_or(0, stem_hash);
            for form in words {
                lexicon.units.insert(word_hash(form), base);
            }
        }
        lexicon
    }

    /// The stem of a word in lower case, irregular forms brought home.
    pub(super) fn stem(&self, word: &str) -> u64 {
        let form = word_hash(word);
        self.irregular.get(&form).copied().unwrap_or_else(|| stem_hash(word))
    }

    pub(super) fn sense(&self, stem: u64) -> Sense {
        self.senses.get(&stem).copied().unwrap_or_default()
    }

    fn add_functions(&mut self) {
        let mut add = |words: &str, function: Function| {
            for word in words.split_whitespace() {
                self.functions.insert(word_hash(word), function);
            }
        };
        add(FILLERS, Function::Filler);
        add(NEGATIONS, Function::Negation);
        add("vs versus between & alongside plus together with both either", Function::Symmetric);
        add("and", Function::And);
        add("or", Function::Or);
        add("is are am do does has have 's 're 've being", Function::Present);
        add("was were did had been", Function::Past);
        add("will shall 'll going", Function::Future);
        add("from departing leaving", Function::Role(Role::From));
        add("to into toward towards onto arriving", Function::Role(Role::To));
        add("by", Function::Role(Role::By));
        add("than", Function::Role(Role::Than));
        add("who whom whose", Function::Asks(Wanted::Person));
        add("when", Function::Asks(Wanted::Time));
        add("where", Function::Asks(Wanted::Place));
        add("why", Function::Asks(Wanted::Reason));
        add("how", Function::How);
        add("my mine", Function::Possessive(1));
        add("your yours", Function::Possessive(2));
        add("his", Function::Possessive(3));
        add("her hers", Function::Possessive(4));
        add("our ours", Function::Possessive(5));
        add("before preceding", Function::Bound(Bound::Before));
        add("after afterwards", Function::Bound(Bound::After));
        add("since", Function::Bound(Bound::Since));
        add("until till til", Function::Bound(Bound::Until));
        add("only solely exclusively", Function::Bound(Bound::Only));
        add("exceeding exceeds exceed", Function::Bound(Bound::Above));
        add("over above", Function::BoundOfNumber(Bound::Above));
        add("under below", Function::BoundOfNumber(Bound::Below));
        add("exactly precisely", Function::BoundOfNumber(Bound::Exactly));
        let small = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen \
                     sixteen seventeen eighteen nineteen";
        for (value, word) in small.split_whitespace().enumerate() {
            add(word, Function::Number(value as f64));
        }
        let tens = "twenty thirty forty fifty sixty seventy eighty ninety";
        for (tens, word) in tens.split_whitespace().enumerate() {
            add(word, Function::Number((tens * 10 + 20) as f64));
        }
        let ordinals = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth \
                        fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth";
        for (before, word) in ordinals.split_whitespace().enumerate() {
            add(word, Function::Ordinal((before + 1) as f64));
        }
        add("thirtieth", Function::Ordinal(30.0));
        add("fortieth", Function::Ordinal(40.0));
        add("fiftieth", Function::Ordinal(50.0));
        add("hundredth", Function::Ordinal(100.0));
        add("dozen dozens", Function::Scale(12.0));
        add("hundred hundreds", Function::Scale(100.0));
        add("thousand thousands", Function::Scale(1e3));
        add("million millions", Function::Scale(1e6));
        add("billion billions bn", Function::Scale(1e9));
        add("trillion trillions", Function::Scale(1e12));
        let months = "january february march april may june july august september october november december";
        for (before, word) in months.split_whitespace().enumerate() {
            let month = before as u8 + 1;
            let plain = word != "march" && word != "may";
            add(word, if plain { Function::Month(month) } else { Function::MaybeMonth(month) });
        }
        for (before, word) in "jan feb mar apr _ jun jul aug sep oct nov dec".split_whitespace().enumerate() {
            add(word, Function::MaybeMonth(before as u8 + 1));
        }
        add("sept", Function::MaybeMonth(9));
    }

    fn add_groups(&mut self) {
        let named = NATIONS.lines().map(|line| (line, true));
        for (number, (line, is_name)) in SYNONYMS.lines().map(|line| (line, false)).chain(named).enumerate() {
            for word in line.split_whitespace() {
                let stem = self.stem(word);
                let sense = self.senses.entry(stem).or_default();
                sense.is_name |= is_name;
                if let Some(slot) = sense.groups.iter_mut().find(|slot| **slot == 0) {
                    *slot = number as u16 + 1;
                }
            }
        }
    }

    fn add_antonyms(&mut self) {
        for (number, line) in ANTONYMS.lines().enumerate() {
            let (left, right) = line.split_once('|').expect("every antonym line has two sides");
            for (side, sign) in [(left, 1), (right, -1)] {
                for word in side.split_whitespace() {
                    let stem = self.stem(word);
                    let sense = self.senses.entry(stem).or_default();
                    if let Some(slot) = sense.poles.iter_mut().find(|slot| **slot == 0) {
                        *slot = sign * (number as i16 + 1);
                    }
                }
            }
        }
    }

    fn add_phrases(&mut self) {
        let mut add = |words: &str, meaning: Meaning| {
            let mut words = words.split_whitespace().map(word_hash);
            let first = words.next().expect("a phrase has words");
            self.phrases.entry(first).or_default().push(Phrase { rest: words.collect(), meaning });
        };
        for line in WORD_PHRASES.lines() {
            let (word, phrases) = line.split_once(':').expect("every phrase line names its word");
            for phrase in phrases.split(',') {
                add(phrase, Meaning::Word(stem_hash(word.trim())));
            }
        }
        for (phrases, function) in FUNCTION_PHRASES {
            for phrase in phrases.split(',') {
                add(phrase, Meaning::Function(*function));
            }
        }
        for (phrases, word, wanted) in MEASURES {
            for phrase in phrases.split(',') {
                add(phrase, Meaning::Measure(stem_hash(word), *wanted));
            }
        }
        for phrases in self.phrases.values_mut() {
            phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.rest.len()));
        }
    }
}

const FILLERS: &str = "a an the this that these those some any each every all of in on at for about with within via per \
    as if then than so such there here it its itself i me we us you one ones he she him they them their theirs myself \
    yourself themselves ourselves himself herself what which whatever can could would should may might must ought be \
    having doing get gets got getting let lets also too even just really actually basically simply very quite rather \
    please kindly thanks thank hi hello hey dear ok okay well oh ah yes yeah during through throughout across among \
    along around approximately roughly but yet though although however because while whereas whether like id im upon \
    again ever still already currently presently nowadays now today o's s t re ll ve d m eg ie etc sir madam";

const NEGATIONS: &str = "not n't no never without none nobody nothing nowhere neither nor cannot except excluding exclude \
    excludes unless lacking lacks lack minus besides non freeof aint dont doesnt didnt isnt arent wasnt werent cant couldnt wont \
    wouldnt shouldnt hasnt havent hadnt sans";

/// Base form first, then forms that no rule reaches.
const IRREGULAR: &str = "\
win won winning winner winners
run ran running
write wrote written writing writer writers
begin began begun beginning
break broke broken
bring brought
build built
buy bought
catch caught
choose chose chosen
come came
cost costed
die died dying dies
do done
draw drew drawn
drink drank drunk
drive drove driven
eat ate eaten
fall fell fallen
feel felt
fight fought
find found
fly flew flown flies flying
forget forgot forgotten
give gave given
go went gone goes
grow grew grown
hear heard
hide hid hidden
hold held
keep kept
know knew known
lead led
leave left
lend lent
lose lost losing
make made maker
mean meant
meet met
pay paid
ride rode ridden
rise rose risen
say said
see saw seen
sell sold
send sent
show shown
shoot shot
sing sang sung
sit sat
sleep slept
speak spoke spoken
spend spent
stand stood
steal stole stolen
swim swam swum
take took taken
teach taught teacher teachers
tell told
think thought
throw threw thrown
understand understood
wake woke woken
wear wore worn
bear born borne
man men
woman women
child children kid kids
person people persons peoples
foot feet
tooth teeth
mouse mice
goose geese
life lives
wife wives
knife knives
leaf leaves
half halves
wolf wolves
shelf shelves
city cities
criterion criteria
phenomenon phenomena
datum data
medium media
analysis analyses
crisis crises
basis bases
index indices indexes
matrix matrices
bus buses
movie movies
cookie cookies
species specie
shoe shoes
series serie
news new's
lie lying
tie tying
control controlling controlled
cancel cancelling cancelled
travel travelling travelled
use used using usage";

/// Words that ask, point and please.
const EMPTY: &str = "tell give show list name find provide explain describe know want need help see say look search \
    display return identify determine wonder ask question answer curious wish way method approach step guide tutorial \
    instruction procedure process technique tip thing stuff information info detail fact point able possible manage \
    mean go try simple proper properly correct exact particular specific certain various different several respective \
    kind happen currently exist hear let start idea figure inform enlighten suggest recommend recommendation suggestion \
    advice regarding concerning own anyone someone somebody anybody everyone something anything form format";

/// General words that rarely change what is asked.
const LIGHT: &str = "make take come put use become call involve require contain include offer belong lie situate locate set keep turn hold serve think believe feel seem appear like plan decide consider handle deal apply follow easily quickly effectively successfully efficiently nice suitable appropriate available given named called known lot lots much many run play bring associate relate relevant current now featured feature member part calculate compute evaluate size happen live normally usually generally often actual total overall person people human individual stay meet flow pass inc ltd llc corp corporation plc co sa ag gmbh";

/// Words for what sort of thing a name is.
const SORTS: &str = "city town country nation state province region area river lake mountain ocean sea island continent \
    movie film series song album book novel game band team club company firm business brand website site app \
    application program software tool library framework programming language school university college course class \
    subject department building airport station hotel restaurant street road bridge animal plant species disease illness \
    drug medicine medication food dish drink car vehicle machine device computer phone actor actress director author \
    president king queen player singer artist character professor teacher instructor student website page article \
    year month day week hour number amount value price currency order level file text passage sentence word time place";

const SUPERLATIVES: &str = "most least best worst maximum minimum max min biggest largest greatest highest tallest longest \
    smallest lowest shortest fewest oldest youngest newest latest earliest fastest slowest cheapest richest poorest nearest \
    closest farthest furthest strongest weakest heaviest lightest hottest coldest deepest widest hardest easiest simplest \
    happiest quickest safest finest";

/// Nouns that a question word says as well: `where is` and `the location of`.
const SAID: &[(Wanted, &str)] = &[
    (Wanted::Place, "location locate place position whereabouts situate"),
    (Wanted::Time, "date time year day"),
    (Wanted::Person, "name person"),
    (Wanted::Count, "number count amount many total quantity"),
    (Wanted::Amount, "amount much quantity price cost money"),
    (Wanted::Duration, "duration length time long"),
    (Wanted::Frequency, "frequency time often"),
    (Wanted::Reason, "reason cause"),
    (Wanted::Manner, "way method step work"),
];

/// Names of countries and what they call their people, languages and food.
const NATIONS: &str = "\
europe european
america american
france french
germany german
italy italian
spain spanish
china chinese
japan japanese
india indian
russia russian
canada canadian
australia australian
mexico mexican
brazil brazilian
africa african
asia asian
egypt egyptian
greece greek
turkey turkish
poland polish
korea korean
israel israeli
iran iranian
iraq iraqi
pakistan pakistani
ireland irish
scotland scottish
portugal portuguese
sweden swedish
norway norwegian
denmark danish
finland finnish
switzerland swiss
austria austrian
netherlands dutch holland
vietnam vietnamese
thailand thai
indonesia indonesian
ukraine ukrainian
argentina argentinian argentine";

/// Given names: beside a family name they may be missing.
const GIVEN_NAMES: &str = "james john robert michael william david richard joseph thomas charles christopher daniel matthew \
    anthony donald steven paul andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary \
    nicholas eric jonathan stephen larry justin scott brandon benjamin samuel gregory alexander raymond patrick jack \
    dennis jerry aaron jose adam nathan henry douglas zachary peter kyle walter ethan jeremy harold keith \
    roger noah gerald carl terry sean arthur lawrence jesse dylan bryan joe billy bruce albert willie gabriel \
    alan juan wayne roy ralph randy eugene vincent russell elijah louis bobby philip johnny mary patricia jennifer linda \
    elizabeth barbara susan jessica sarah karen nancy lisa betty margaret sandra ashley kimberly emily donna michelle \
    amanda dorothy melissa deborah stephanie rebecca sharon laura cynthia kathleen amy angela shirley anna brenda pamela \
    emma nicole helen samantha katherine christine debra rachel carolyn janet catherine maria heather diane ruth julie \
    olivia joyce kelly lauren christina joan evelyn judith megan andrea cheryl hannah jacqueline martha \
    gloria teresa ann sara frances kathryn janice abigail alice julia judy sophia denise doris \
    marilyn danielle beverly isabella theresa diana natalie brittany marie kayla alexis lori franklin abraham \
    theodore winston vladimir barack hillary steve elon jeff tim tom jim mike dave bob dan sam ben alex max lance \
    leonardo vincent pablo luciano ludwig wolfgang johann sebastian";

/// Verbs that say the same in both directions.
const MUTUAL: &str = "border neighbour neighbor adjacent marry meet equal differ compare connect resemble adjoin touch \
    combine mix link";

/// One group a line; within a group words stand for each other.
const SYNONYMS: &str = "\
big large huge great giant
bigger larger greater
biggest largest greatest most highest maximum max
small little tiny
smaller less
smallest least lowest minimum min fewest
high tall
higher taller
tallest highest
longest lengthiest
oldest earliest
newest latest
easiest simplest
easier simpler
nearest closest
fastest quickest
richest wealthiest
costliest priciest
film movie picture
begin start commence initiate launch beginning
end finish conclude terminate over ending
stop halt cease quit
buy purchase buying
sell sale selling
get obtain acquire receive gain attain earn
fix repair solve resolve mend troubleshoot
create make build construct produce generate develop write
delete remove erase eliminate uninstall
remove rid eliminate
choose select pick
change modify alter edit adjust update
change convert turn transform translate
move migrate transfer migration
show display present
begin open
help assist aid support
improve enhance better boost increase upgrade
increase raise grow boost rise
reduce decrease lower lessen minimize shrink cut drop fall decline
fast quick rapid speedy
smart intelligent clever
difficult hard tough challenging difficulty
easy simple effortless ease easiness
important significant essential crucial vital importance
job career profession occupation employment work
doctor physician
lawyer attorney
car automobile
cost price fee charge rate expense expensive
cheap inexpensive affordable budget
salary pay wage income earnings
money cash fund
error bug fault issue problem
sick ill unwell
illness disease sickness
child kid
house home
mean define definition meaning stand
difference differ distinguish distinction differentiate different
similar alike comparable same identical
same equal
advantage benefit pro upside strength
disadvantage drawback con downside weakness
reason cause why
effect impact consequence influence result
result outcome
way method approach technique strategy
step procedure instruction guide
example instance sample
rule law regulation
country nation
store shop
phone telephone mobile cellphone smartphone
email mail
picture image photo photograph
web website site
usa us america unitedstates american
uk britain british unitedkingdom
learn study
teach instruct lecture
enroll register signup enrol
class course
teacher instructor professor lecturer
student pupil
exam test examination
marry wed marriage wedding
die death dead decease
birth born
old age
height tall
deep depth
wide width
heavy weight weigh
long length duration
far distance
population inhabitant people populous resident citizen
located location locate situate situated place where
height elevation altitude
size area big
area region
year date time when
author writer write
director direct
actor actress act star starring cast feature
compose composer
invent inventor invention
discover discoverer discovery
found founder establish founding foundation
lead leader leadership
rule ruler
manage manager management
produce producer production
create creator creation
develop developer development
own owner possess
play player
sing singer
win winner victory champion
lose loser loss
kill murder assassinate
boil boiling boiled
cook cooking
summary summarize summarise summarization synopsis
translate translation
compare comparison
describe description
explain explanation
calculate compute work calculation
install installation setup
configure configuration setup set
enable activate turnon
disable deactivate turnoff
enable allow permit let
ban forbid prohibit
sort order arrange
ascending increasing
descending decreasing
find search locate look discover
see view watch
journey trip travel
fly flight
ticket book reservation
book reserve
song track
music song
happy glad joyful
sad unhappy
angry mad
rich wealthy
poor needy
famous popular well-known renowned
worst bad
good great nice fine decent excellent
recipe make
symptom sign
treat treatment cure remedy therapy
cure heal
medicine drug medication
dose dosage
prevent avoid prevention
harm damage hurt
safe safety
danger dangerous risk hazard risky
war conflict
weapon arm
work function operate operation
use utilize employ usage application
use uses
need require necessary requirement needed
must required mandatory
allow permit legal
want wish desire
think believe opinion
like enjoy love
hate dislike
talk speak speech
say tell
ask request
answer reply respond response
often frequently
always constantly
usually generally normally typically
about regarding concerning
approximately around about roughly
almost nearly
enough sufficient
also too
become turn
happen occur event
exist existence
include contain comprise consist
belong member part membership
part portion component
border adjacent neighbour neighbor neighboring surround
flow run pass traverse
cross crossing
near nearby close
gdp grossdomesticproduct
ceo chiefexecutive chief executive
ww1 worldwarone
ww2 worldwartwo
eu europeanunion
regex regularexpression regexp
2fa twofactor
ai artificialintelligence
ml machinelearning
tv television
math mathematics maths
info information
app application
vs versus
mount mt
street st
saint st
doctor dr
kilometre kilometer
metre meter
litre liter
gramme gram
color colour
favorite favourite
organize organise organization organisation
center centre
theater theatre
behavior behaviour
neighbor neighbour
program programme
license licence
analyze analyse analysis
optimize optimise optimization
gray grey
labor labour
humor humour
honor honour
traveler traveller
catalog catalogue
dialog dialogue
jewelry jewellery
plane airplane aeroplane aircraft
remote remotely home
quick brief short
start opening
student learner
quit leave resign
apply application
apply use
safe secure
hack hacking hacker
laptop notebook computer
computer pc
film cinema
holiday vacation
lift elevator
apartment flat
garbage trash rubbish waste
petrol gasoline gas
football soccer
autumn fall
luggage baggage
queue line
pay payment installment
month monthly
year yearly annual annually
week weekly
day daily
hour hourly
spend expenditure
lend loan
borrow loan
owe debt
invest investment
percent percentage
number count many amount total
amount quantity much
average mean
sum total
multiply product times
divide division
add addition plus
subtract subtraction
offer provide available
possible can able ability
visit go travel
reach get arrive
come arrive
leave depart
arrive land
train railway
bus coach
upload post
earth world
global worldwide world
human person people man
female woman women
male man men
girl woman
boy man
baby infant
dog puppy
cat kitten
fat weight
eat consume eating food
drink beverage
food dish cuisine meal
restaurant eatery diner
sleep asleep
wake awake
tired fatigue exhausted
exercise workout
fitness fit
beautiful pretty attractive
strange weird odd unusual
normal usual
common popular frequent
rare uncommon
true correct right
false wrong incorrect
real genuine authentic
fake counterfeit
close shut
near around
inside within
prepare preparation
prepare make
become be
handle deal manage cope
overcome deal beat
company firm business
business enterprise
shop shopping
customer client
user member
password passcode
login sign log signin
account profile
message text
call phone
photo pic
video clip
file document
folder directory
save store
copy duplicate
connect connection link
internet web online
software program
code coding programming program
bug defect
feature functionality function
function method
list array
loop iterate iteration
compile compilation compiling
execute run
database db
science scientific
religion faith
election vote
army military
police cop
prison jail
word term
term semester
meaning sense
sentence phrase
write spell
read reading
poem poetry
story tale
novel book
artist painter
paint painting
dance dancing
sport game
team squad
player athlete
match game
goal aim objective purpose
run govern
weather climate
sun solar
moon lunar
star stellar
sea ocean
river stream
mountain peak
forest wood
animal creature
temperature temp
hot warm
cold cool
energy power
electric electrical electricity
machine device
tool instrument
material substance
stone rock
clothes clothing apparel
hat cap
gift present
friend buddy pal
mother mom mum
father dad
wife spouse
husband spouse
relationship relation tie
love affection
fear afraid scared
anxiety anxious
stress stressed
depression depressed
confident confidence
lazy laziness
motivate motivation motivated
success successful succeed
fail failure
skill ability
knowledge know
idea concept notion
history historical
best top finest ideal optimal greatest
big large major main
new recent
star rating review
author writer write written publish
cite citation reference
book reserve reservation booking
ticket fare airfare
cheapest lowest
flight fly plane
nonstop direct
depart departure leave
arrive arrival land
roundtrip return
airport airfield
passenger traveller
route path
schedule timetable
delay late
cancel cancellation
refund reimburse reimbursement
deliver delivery ship shipping shipment
track trace
parcel package
receipt invoice bill
card creditcard
block freeze
activate activation
verify verification confirm confirmation
identity id
transfer send
withdraw withdrawal
exchange convert conversion
expire expiry expiration
renew renewal
subscribe subscription
register registration enrollment
reset recover restore retrieve forgot forget
password passcode pin
crash freeze
slow lag
repair fix
replace replacement
broken damaged
lost missing
stolen theft
warranty guarantee
screen display
update upgrade
version release
install download
restart reboot
server host
deploy deployment
test testing
debug debugging
compile build
function method procedure routine
parameter argument
integer int
dictionary map hashmap
sort sorting order
reverse invert
merge combine join concatenate
split separate divide
count counting
check verify test
validate validation
parse parsing
read load
print output
save store persist
copy clone duplicate
add append insert
first initial
last final
calculate computation
estimate approximate
graph chart plot
plot story storyline
summary overview outline
poem verse
letter mail
resume cv
hire recruit employ
employee worker staff
employer boss
salary wage
fire dismiss
retire retirement
tax taxation
insurance insure
loan mortgage credit
interest rate
invest investor
stock share
trade trading
profit earnings
economy economic
unemployment jobless
president leader
king monarch
election vote poll
law legal legislation
court judge
murder homicide
thief robber
army troops
bomb explosive
treaty agreement
independence independent
battle fight
found establish set
discover find
explore exploration
invention invent
physics physical
chemistry chemical
biology biological
gene genetic
evolution evolve
gravity gravitational
speed velocity
mass weight
volume capacity
boil boiling cook
bake baking
fry frying
recipe dish
ingredient component
substitute replacement alternative replace
vegetarian veggie
healthy health
diet dieting
symptom indication
pain ache hurt
headache migraine
fever temperature
cold flu
pregnant pregnancy
doctor doc gp
hospital clinic
surgery operation
cancer tumor tumour
heart cardiac
kidney renal
tooth dental
sleep insomnia
vaccine vaccination vaccinate immunization
infection infect
disease disorder condition
mental psychological
therapy therapist
train training
practice practise
champion championship
tournament cup
goal score
coach trainer
stadium arena
match fixture
actor performer
film filmed
character role
director filmmaker
award prize
album record
band group
paint painter
museum gallery
architecture architect
building structure
border boundary
coast shore
island isle
earthquake quake
flood flooding
rain rainfall
grow cultivate
breed race
kill slay
teenager teen adolescent
adult grown
old elderly senior
friend buddy
dating date
divorce separate
wedding marriage
christmas xmas
toilet bathroom restroom washroom
sofa couch
clean cleaning wash
wash laundry
cut trim
lawn grass
car vehicle auto
truck lorry
bike bicycle cycle
motorcycle motorbike
road highway
park parking
drive driving driver
gas fuel
engine motor
tire tyre
accident crash collision
school academy
university college
grade mark
homework assignment
degree diploma
teacher educator
explain clarify elaborate
summarize condense
rewrite rephrase paraphrase
correct proofread
list enumerate
difference contrast
pro advantage
con disadvantage
important importance
famous celebrity
alone lonely
bore boring
smart intelligence
true truth
quote quotation saying
joke funny
secret hidden
letter alphabet
pronounce pronunciation
spell spelling
abbreviation acronym
symbol sign
code cipher
shape figure
circle circular
area surface
formula equation
solve solution
proof prove
derivative differentiate
integral integrate
probability chance likelihood odds
between among
near nearby
opposite reverse
thick thickness
strong strength
weak weakness
poor poverty
free complimentary
cheap cheaply
available availability
valid validity
legal lawful
illegal unlawful
allow allowed permissible
safe harmless
possible feasible possibility
necessary needed essential required
sure certain
attend attendance
complete finish completion
satisfy fulfill fulfil meet
qualify qualification eligible eligibility
apply application applicant
submit submission
deadline due
accept admission admit
reject rejection
cause factor
spread transmit transmission
protect protection
attack assault
threat threaten
manufacturer maker manufacture
maker creator
produce manufacture
design designer
own ownership
sponsor fund finance
headquarters hq base
branch office
belong owned
consist composed
contain comprise
connect link
similar comparable equivalent
equal equivalent
compatible compatibility
gender sex
nationality citizenship citizen
profession occupation
child offspring
religion religious
language speak spoken
speak spoken
native indigenous
nickname alias
famous known
appear appearance
held hosted
play played
award awarded
earn earned
rank ranking ranked
category type kind
genre style
type kind sort
level rank
kind variety
origin originate
hotel accommodation lodging
paper article publication
rich wealth
string str
title called named
town municipality
host held hosted";

/// Left and right never stand for each other.
const ANTONYMS: &str = "\
increase raise grow gain rise expand more maximize maximum upgrade|decrease reduce lower lose fall shrink less minimize minimum downgrade
on|off
enable activate allow permit|disable deactivate forbid ban prohibit deny
open|close shut
start begin launch|stop end finish quit
first|last
before|after
buy purchase|sell
import|export
encrypt|decrypt
encode|decode
compress|decompress extract
install|uninstall
lock|unlock
upload|download
push|pull
add insert append|remove delete subtract
create build|destroy delete
import|export
input|output
read|write
send|receive
give|take
lend|borrow
ascending ascend|descending descend
max maximum most highest largest biggest greatest longest tallest best|min minimum least lowest smallest shortest worst fewest
high tall|low short
big large great|small little tiny
long|short
old ancient|new young modern
hot warm|cold cool
fast quick|slow
easy simple|difficult hard complex
good|bad evil
better|worse
best|worst
rich wealthy|poor
happy|sad unhappy
strong|weak
hard|soft
heavy|light
cheap inexpensive|expensive costly
early|late
near close|far
left|right
up|down
top upper|bottom lower
north northern|south southern
east eastern|west western
inside indoor internal interior|outside outdoor external exterior
male man boy he husband father son brother king|female woman girl she wife mother daughter sister queen
parent|child
teacher|student
employer|employee
buyer|seller
win winner|lose loser
love like|hate dislike
advantage pro benefit|disadvantage con drawback
positive|negative
plus|minus
true correct right|false wrong incorrect
safe|dangerous unsafe
legal|illegal
public|private
local|remote global
online|offline
static|dynamic
mutable|immutable
sync synchronous|async asynchronous
horizontal|vertical
row|column
horizontal|vertical
import|export
login|logout
sign|unsign
connect|disconnect
attach|detach
bind|unbind
mount|unmount
show|hide
visible|invisible hidden
include with|exclude without
accept approve|reject decline refuse
agree|disagree
pass succeed|fail
arrive|depart leave
enter|exit leave
come|go
day|night
morning|evening
summer|winter
spring|autumn fall
today|yesterday tomorrow
past|future
birth born|death die
alive|dead
wake|sleep
sit|stand
rise|set
sunrise|sunset
full|empty
wet|dry
clean|dirty
thick|thin
wide broad|narrow
deep|shallow
smooth|rough
sharp|blunt
loud|quiet
bright light|dark
black|white
sweet|bitter sour
raw|cooked
fresh|stale
liquid|solid
boil|freeze
melt|freeze
heat|cool
attack|defend
war|peace
friend|enemy
guilty|innocent
credit|debit
deposit|withdraw
profit|loss
income revenue|expense cost
asset|liability
supply|demand
bull bullish|bear bearish
lender|borrower
gross|net
import|export
major|minor
majority|minority
even|odd
positive|negative
prime|composite
multiply|divide
sum|difference
odd|even
integer|float
minimum|maximum
shortest|longest
youngest|oldest
cause|prevent
cause|effect
help|harm
protect|harm
healthy|unhealthy
acute|chronic
benign|malignant
virus viral|bacteria bacterial
vegan vegetarian|meat
hypertension|hypotension
introvert|extrovert
optimist|pessimist
theory|practice
question|answer
formal|informal
domestic|international
urban|rural
national|international
senior|junior
undergraduate|graduate
amateur|professional
beginner|advanced expert
manual|automatic
client|server
frontend|backend
upstream|downstream
source|destination target
sender|receiver recipient
merge join|split
forward|backward back
next|previous
increase|decrease
enter|leave
begin|end
hire|fire
save|spend
keep|discard
freeze|thaw
inhale|exhale
ally|enemy
offence|defence
floor|ceiling
above|below
over|under
smart|dumb stupid
clever|stupid
win|lose
single|married
single|multiple
same|different
similar|different
for|against
pros|cons";

/// Word: phrases that stand for it.
const WORD_PHRASES: &str = "\
usa: united states of america, united states, u s a, the us
uk: united kingdom, great britain, u k
ww1: world war one, world war 1, world war i, first world war, 1st world war, wwi, ww1, great war
ww2: world war two, world war 2, world war ii, second world war, 2nd world war, wwii, ww2
eu: european union, e u
regex: regular expression, regular expressions, reg ex
2fa: two factor authentication, two-factor authentication, 2 factor authentication, 2fa, two factor auth, 2 step verification, two step verification
gdp: gross domestic product
capital: capital city
ceo: chief executive officer, chief executive
ai: artificial intelligence
ml: machine learning
tv: television
married: get married, got married
death: pass away, passed away
rid: get rid of
remote: work from home, working from home, remote work, remote working, working remotely, work remotely, telecommuting, telework
bullet: bullet points, bullet point, bulleted list, bullet list, bullets
table: in tabular form, tabular form, table format
percent: per cent, %, percentage of
weight: lose weight
kilometer: kilo meter
turnon: turn on, switch on
turnoff: turn off, switch off
setup: set up
login: log in, sign in
logout: log out, sign out
signup: sign up
workout: work out
database: data base
email: e mail
online: on line
website: web site
nyc: new york city, new york
la: los angeles
sf: san francisco
dc: washington dc, washington d c
ok: oklahoma";

const FUNCTION_PHRASES: &[(&str, Function)] = &[
    (
        "at least,no less than,not less than,no fewer than,not fewer than,or more,or higher,or above,or greater,or better,\
         minimum of,greater than or equal to,more than or equal to,or later",
        Function::Bound(Bound::AtLeast),
    ),
    (
        "at most,no more than,not more than,no greater than,not exceeding,up to,or less,or fewer,or lower,or below,or under,\
         maximum of,less than or equal to,or earlier",
        Function::Bound(Bound::AtMost),
    ),
    ("more than,greater than,higher than,larger than,bigger than,in excess of", Function::Bound(Bound::Above)),
    ("less than,fewer than,lower than,smaller than", Function::Bound(Bound::Below)),
    ("equal to", Function::Bound(Bound::Exactly)),
    ("prior to,earlier than,ahead of,leading up to", Function::Bound(Bound::Before)),
    ("later than", Function::Bound(Bound::After)),
    ("other than,apart from,aside from,but not,in addition to,rather than,instead of", Function::Negation),
    ("not only,whether or not,or not,no matter,of course,a lot of,lots of,at all,no doubt,in the world,in the whole world,of the world", Function::Filler),
    ("going to,gonna", Function::Future),
    ("have to,has to,had to,got to", Function::Must),
    ("out of,starting from,start from", Function::Role(Role::From)),
    (
        "how do i,how do you,how do we,how does one,how can i,how can you,how can we,how can one,how to,how should i,how should \
         you,how should one,how should we,how would i,how would you,how could i,how could you,how could we,how might i,\
         best way to,good way to,easiest way to,best way of,what is the way to,way to,ways to,ways of,way of,steps to,steps for,guide to,\
         guide for,instructions for,instructions to,procedure for,procedure to,tips for,tips to,what are the steps to,what should i do to,\
         what can i do to,what do i do to,what must i do to,what is the best way to,method to,method for,methods to,methods for,methods of",
        Function::Asks(Wanted::Manner),
    ),
    ("how come,what is the reason,what are the reasons,what was the reason,reason for,reasons for,reason why,what causes,what caused", Function::Asks(Wanted::Reason)),
    ("what time,at what time,what date,what day,which day,what year,which year,in what year,in which year,what month", Function::Asks(Wanted::Time)),
    (
        "what type of,what types of,which type of,which types of,what kind of,what kinds of,which kind of,which kinds of,what sort of,what sorts of",
        Function::Asks(Wanted::Anything),
    ),
    ("what place,which place,whereabouts,what location", Function::Asks(Wanted::Place)),
    ("which person,what person,what people,which people", Function::Asks(Wanted::Person)),
    ("how many,number of,what number of,the number of,count of,total number of", Function::Asks(Wanted::Count)),
    ("how often,how frequently,how many times", Function::Asks(Wanted::Frequency)),
    ("how long", Function::Asks(Wanted::Duration)),
    ("how much money,what amount", Function::Asks(Wanted::Amount)),
    ("is there a way to,is there any way to,is there a way of,are there any ways to", Function::Asks(Wanted::Manner)),
    (
        "can you tell me,could you tell me,can you,could you,would you,will you,can you please,could you please,i would like to know,\
         i want to know,i need to know,do you know,i would like,do you have any idea,i am wondering,i was wondering,tell me about,i am looking for,\
         help me,can i get,can i have,could i get,may i know,let me know,i want,i need",
        Function::Filler,
    ),
];

/// A question for a measure names the measure without its noun.
const MEASURES: &[(&str, &str, Wanted)] = &[
    ("how tall,how high", "height", Wanted::Anything),
    ("how old", "age", Wanted::Anything),
    ("how far,how far away", "distance", Wanted::Anything),
    ("how deep", "depth", Wanted::Anything),
    ("how wide", "width", Wanted::Anything),
    ("how heavy", "weight", Wanted::Anything),
    ("how big,how large", "size", Wanted::Anything),
    ("how fast", "speed", Wanted::Anything),
    ("how hot,how cold", "temperature", Wanted::Anything),
    ("how expensive,how costly", "cost", Wanted::Anything),
    ("how difficult,how hard", "difficult", Wanted::Anything),
    ("how good", "good", Wanted::Anything),
    ("how safe", "safe", Wanted::Anything),
    ("how important", "important", Wanted::Anything),
    ("how populous", "population", Wanted::Anything),
    ("how many people live,how many people are living,how many inhabitants,how many residents,number of people living,number of people,number of inhabitants,number of residents", "population", Wanted::Anything),
];

/// Base form first, then spellings glued to or standing beside a number.
const UNITS: &str = "\
kilometer km kms kilometre kilometres kilometers
meter metre metres meters
centimeter cm cms centimetre centimetres centimeters
millimeter mm millimetre millimetres millimeters
mile mi miles
foot ft feet
inch inches
yard yd yards yd
kilogram kg kgs kilo kilos kilograms
gram g gms grams
milligram mg mgs milligrams
microgram mcg micrograms
pound lb lbs pounds gbp £ quid
ounce oz ounces
ton tons tonne tonnes
liter l litre litres liters
milliliter ml millilitre millilitres milliliters
gallon gal gallons
second sec secs seconds
minute min mins minutes
hour hr hrs hours h
day days
week wk wks weeks
month mo months
year yr yrs years
gigabyte gb gigabytes
megabyte mb megabytes
kilobyte kb kilobytes
terabyte tb terabytes
gigahertz ghz
megahertz mhz
hertz hz
watt w watts
kilowatt kw kilowatts
volt v volts
ampere amp amps amperes
celsius c centigrade
fahrenheit f
degree degrees °
percent % pct percentage
dollar $ usd dollars bucks
euro € eur euros
rupee ₹ rs inr rupees
yen ¥ jpy
bitcoin btc bitcoins
mph mph
kph kmh kph
am am
pm pm
cent cents ¢";
