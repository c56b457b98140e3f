//! The words themselves: see [`lexicon`](super::lexicon) for how they are used.

use super::lexicon::{Bound, Function, Role, Wanted};

/// Words of closed classes, by what they do.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (FILLERS, Function::Filler),
    (NEGATIONS, Function::Negation),
    ("vs versus between & alongside plus together with both either", Function::Symmetric),
    ("and", Function::And),
    ("or", Function::Or),
    ("is are am do does has have being", Function::Present),
    ("was were did had been", Function::Past),
    ("will shall going", Function::Future),
    ("from departing leaving", Function::Role(Role::From)),
    ("to into toward towards onto arriving", Function::Role(Role::To)),
    ("by", Function::Role(Role::By)),
    ("than", Function::Role(Role::Than)),
    ("who whom whose", Function::Asks(Wanted::Person)),
    ("when", Function::Asks(Wanted::Time)),
    ("where", Function::Asks(Wanted::Place)),
    ("why", Function::Asks(Wanted::Reason)),
    ("how", Function::How),
    ("my mine", Function::Possessive(1)),
    ("your yours", Function::Possessive(2)),
    ("his", Function::Possessive(3)),
    ("her hers", Function::Possessive(4)),
    ("our ours", Function::Possessive(5)),
    ("before preceding", Function::Bound(Bound::Before)),
    ("after afterwards", Function::Bound(Bound::After)),
    ("since", Function::Bound(Bound::Since)),
    ("until till til", Function::Bound(Bound::Until)),
    ("only solely exclusively", Function::Bound(Bound::Only)),
    ("exceeding exceeds exceed", Function::Bound(Bound::Above)),
    ("over above", Function::BoundOfNumber(Bound::Above)),
    ("under below", Function::BoundOfNumber(Bound::Below)),
    ("exactly precisely", Function::BoundOfNumber(Bound::Exactly)),
    ("thirtieth", Function::Ordinal(30.0)),
    ("fortieth", Function::Ordinal(40.0)),
    ("fiftieth", Function::Ordinal(50.0)),
    ("hundredth", Function::Ordinal(100.0)),
    ("dozen dozens", Function::Scale(12.0)),
    ("hundred hundreds", Function::Scale(100.0)),
    ("thousand thousands", Function::Scale(1e3)),
    ("million millions", Function::Scale(1e6)),
    ("billion billions bn", Function::Scale(1e9)),
    ("trillion trillions", Function::Scale(1e12)),
    ("jan", Function::MaybeMonth(1)),
    ("feb", Function::MaybeMonth(2)),
    ("mar march", Function::MaybeMonth(3)),
    ("apr", Function::MaybeMonth(4)),
    ("may", Function::MaybeMonth(5)),
    ("jun", Function::MaybeMonth(6)),
    ("jul", Function::MaybeMonth(7)),
    ("aug", Function::MaybeMonth(8)),
    ("sep sept", Function::MaybeMonth(9)),
    ("oct", Function::MaybeMonth(10)),
    ("nov", Function::MaybeMonth(11)),
    ("dec", Function::MaybeMonth(12)),
    ("january", Function::Month(1)),
    ("february", Function::Month(2)),
    ("april", Function::Month(4)),
    ("june", Function::Month(6)),
    ("july", Function::Month(7)),
    ("august", Function::Month(8)),
    ("september", Function::Month(9)),
    ("october", Function::Month(10)),
    ("november", Function::Month(11)),
    ("december", Function::Month(12)),
];

/// From zero on.
pub(super) const SMALL_NUMBERS: &str = "zero one two three four five six seven eight nine ten eleven twelve \
    thirteen fourteen fifteen sixteen seventeen eighteen nineteen";

/// From twenty on.
pub(super) const TENS: &str = "twenty thirty forty fifty sixty seventy eighty ninety";

/// From first on.
pub(super) const ORDINALS: &str = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh \
    twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth";

/// Carry nothing that another guard does not look at.
pub(super) const FILLERS: &str = "a an the this that these those some any each every all of in on at for about with \
    within via per as if then than so such there here it its itself i me we us you one ones he she him they them \
    their theirs myself yourself themselves ourselves himself herself what which whatever can could would should \
    may might must ought be having doing get gets got getting let lets also too even just really actually basically \
    simply very quite rather please kindly thanks thank hi hello hey dear ok okay well oh ah yes yeah during \
    through throughout across among along around approximately roughly but yet though although however because \
    while whereas whether like id im upon again ever still already currently presently nowadays now today o's s t \
    re ll ve d m eg ie etc sir madam";

/// Turn a truth round.
pub(super) const NEGATIONS: &str = "not n't no never without none nobody nothing nowhere neither nor cannot except \
    excluding exclude excludes unless lacking lacks lack minus besides non freeof aint dont doesnt didnt isnt arent \
    wasnt werent cant couldnt wont wouldnt shouldnt hasnt havent hadnt sans";

/// Verbs: base form first, then the past forms that no rule reaches.
pub(super) const PAST_FORMS: &str = "\
win won
run ran
write wrote written writing
begin began begun
break broke broken
bring brought
build built
buy bought
catch caught
choose chose chosen
come came
cost costed
die died
do done
draw drew drawn
drink drank drunk
drive drove driven
eat ate eaten
fall fell fallen
feel felt
fight fought
find found
fly flew flown
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
lose lost
make made
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
teach taught
tell told
think thought
throw threw thrown
understand understood
wake woke woken
wear wore worn
bear born borne";

/// Other words: base form first, then forms that no rule reaches.
pub(super) const OTHER_FORMS: &str = "\
win winning winner winners
run running
write writer writers
begin beginning
die dying dies
fly flies flying
lose losing
make maker
teach teacher teachers
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

/// Words that ask, point and please, in exactly these forms: `know` in a request is empty, `knows` is not.
pub(super) const EMPTY: &str = "tell give show list lists name names find provide explain describe know want need \
    help see say look search display return identify determine wonder wondering ask question answer curious wish \
    way ways method methods approach approaches step steps guide guides tutorial tutorials instruction instructions \
    procedure procedures process processes technique techniques tip tips thing things stuff information info detail \
    details fact facts point points able possible mean means go try simple proper properly exact particular \
    specific certain various different several respective kind kinds happen happens currently exist exists hear let \
    start started starting idea ideas figure inform enlighten suggest suggests suggestion suggestions recommend \
    recommended recommendation recommendations advice regarding concerning own anyone someone somebody anybody \
    everyone something anything form format";

/// General words that rarely change what is asked.
pub(super) const LIGHT: &str = "make take come put use become call involve require contain include offer belong lie \
    situate locate set keep turn hold serve think believe feel seem appear like plan decide consider handle deal \
    apply follow easily quickly effectively successfully efficiently nice suitable appropriate available given \
    named called known lot lots much many run play bring associate relate relevant current now featured feature \
    member part calculate compute evaluate size happen live normally usually generally often actual total overall \
    person people human individual stay meet flow pass inc ltd llc corp corporation plc co sa ag gmbh";

/// Words for what sort of thing a name is.
pub(super) const SORTS: &str = "city town country nation state province region area river lake mountain ocean sea \
    island continent movie film series song album book novel game band team club company firm business brand \
    website site app application program software tool library framework programming language school university \
    college course class subject department building airport station hotel restaurant street road bridge animal \
    plant species disease illness drug medicine medication food dish drink car vehicle machine device computer \
    phone actor actress director author president king queen player singer artist character professor teacher \
    instructor student website page article year month day week hour number amount value price currency order level \
    file text passage sentence word time place";

/// Belong to the noun after them.
pub(super) const SUPERLATIVES: &str = "most least best worst maximum minimum max min biggest largest greatest \
    highest tallest longest smallest lowest shortest fewest oldest youngest newest latest earliest fastest slowest \
    cheapest richest poorest nearest closest farthest furthest strongest weakest heaviest lightest hottest coldest \
    deepest widest hardest easiest simplest happiest quickest safest finest";

/// Nouns that a question word says as well: `where is` and `the location of`.
pub(super) const SAID: &[(Wanted, &str)] = &[
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
pub(super) const NATIONS: &str = "\
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
pub(super) const GIVEN_NAMES: &str = "james john robert michael william david richard joseph thomas charles \
    christopher daniel matthew anthony donald steven paul andrew joshua kenneth kevin brian george edward ronald \
    timothy jason jeffrey ryan jacob gary nicholas eric jonathan stephen larry justin scott brandon benjamin samuel \
    gregory alexander raymond patrick jack dennis jerry aaron jose adam nathan henry douglas zachary peter kyle \
    walter ethan jeremy harold keith roger noah gerald carl terry sean arthur lawrence jesse dylan bryan joe billy \
    bruce albert willie gabriel alan juan wayne roy ralph randy eugene vincent russell elijah louis bobby philip \
    johnny mary patricia jennifer linda elizabeth barbara susan jessica sarah karen nancy lisa betty margaret \
    sandra ashley kimberly emily donna michelle amanda dorothy melissa deborah stephanie rebecca sharon laura \
    cynthia kathleen amy angela shirley anna brenda pamela emma nicole helen samantha katherine christine debra \
    rachel carolyn janet catherine maria heather diane ruth julie olivia joyce kelly lauren christina joan evelyn \
    judith megan andrea cheryl hannah jacqueline martha gloria teresa ann sara frances kathryn janice abigail alice \
    julia judy sophia denise doris marilyn danielle beverly isabella theresa diana natalie brittany marie kayla \
    alexis lori franklin abraham theodore winston vladimir barack hillary steve elon jeff tim tom jim mike dave bob \
    dan sam ben alex max leonardo vincent pablo ludwig wolfgang johann sebastian";

/// Verbs that say the same in both directions.
pub(super) const MUTUAL: &str = "border neighbour neighbor adjacent marry meet equal differ compare connect \
    resemble adjoin touch combine mix link";

/// One group a line; within a group words stand for each other.
pub(super) const SYNONYMS: &str = "\
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
poem poetry
story tale
novel book
artist painter
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
compile build
function method procedure routine
parameter argument
integer int
dictionary map hashmap
sort sorting order
reverse invert
merge combine join concatenate
split separate divide
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
recipe dish
ingredient component
substitute replacement alternative replace
vegetarian veggie
healthy health
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
practice practise
champion championship
tournament cup
goal score
coach trainer
stadium arena
match fixture
actor performer
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
rain rainfall
grow cultivate
breed race
kill slay
teenager teen adolescent
adult grown
old elderly senior
friend buddy
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
smart intelligence
true truth
quote quotation saying
joke funny
secret hidden
letter alphabet
pronounce pronunciation
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
native indigenous
nickname alias
famous known
appear appearance
held hosted
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
pub(super) const ANTONYMS: &str = "\
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
major|minor
majority|minority
even|odd
prime|composite
multiply|divide
sum|difference
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
pub(super) const WORD_PHRASES: &str = "\
usa: united states of america, united states, u s a, the us
uk: united kingdom, great britain, u k
ww1: world war one, world war 1, world war i, first world war, 1st world war, wwi, ww1, great war
ww2: world war two, world war 2, world war ii, second world war, 2nd world war, wwii, ww2
eu: european union, e u
regex: regular expression, regular expressions, reg ex
2fa: two factor authentication, 2 factor authentication, 2fa, two factor auth, 2 step verification, two step verification
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
percent: per cent, percentage of
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
dc: washington dc, washington d c";

/// Phrases that do what one function word does.
pub(super) const FUNCTION_PHRASES: &[(&str, Function)] = &[
    (
        "at least,no less than,not less than,no fewer than,not fewer than,or more,or higher,or above,or greater,or \
         better,minimum of,greater than or equal to,more than or equal to,or later",
        Function::Bound(Bound::AtLeast),
    ),
    (
        "at most,no more than,not more than,no greater than,not exceeding,up to,or less,or fewer,or lower,or below,\
         or under,maximum of,less than or equal to,or earlier",
        Function::Bound(Bound::AtMost),
    ),
    ("more than,greater than,higher than,larger than,bigger than,in excess of", Function::Bound(Bound::Above)),
    ("less than,fewer than,lower than,smaller than", Function::Bound(Bound::Below)),
    ("equal to", Function::Bound(Bound::Exactly)),
    ("prior to,earlier than,ahead of,leading up to", Function::Bound(Bound::Before)),
    ("later than", Function::Bound(Bound::After)),
    ("other than,apart from,aside from,but not,in addition to,rather than,instead of", Function::Negation),
    (
        "not only,whether or not,or not,no matter,of course,a lot of,lots of,at all,no doubt,in the world,in the \
            whole world,of the world",
        Function::Filler,
    ),
    ("going to,gonna", Function::Future),
    ("have to,has to,had to,got to", Function::Must),
    ("out of,starting from,start from", Function::Role(Role::From)),
    (
        "how do i,how do you,how do we,how does one,how can i,how can you,how can we,how can one,how to,how should \
         i,how should you,how should one,how should we,how would i,how would you,how could i,how could you,how \
         could we,how might i,best way to,good way to,easiest way to,best way of,what is the way to,way to,ways to,\
         ways of,way of,steps to,steps for,guide to,guide for,instructions for,instructions to,procedure for,\
         procedure to,tips for,tips to,what are the steps to,what should i do to,what can i do to,what do i do to,\
         what must i do to,what is the best way to,method to,method for,methods to,methods for,methods of",
        Function::Asks(Wanted::Manner),
    ),
    (
        "how come,what is the reason,what are the reasons,what was the reason,reason for,reasons for,reason why,\
            what causes,what caused",
        Function::Asks(Wanted::Reason),
    ),
    (
        "what time,at what time,what date,what day,which day,what year,which year,in what year,in which year,what \
            month",
        Function::Asks(Wanted::Time),
    ),
    (
        "what type of,what types of,which type of,which types of,what kind of,what kinds of,which kind of,which \
            kinds of,what sort of,what sorts of",
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
        "can you tell me,could you tell me,can you,could you,would you,will you,can you please,could you please,i \
         would like to know,i want to know,i need to know,do you know,i would like,do you have any idea,i am \
         wondering,i was wondering,tell me about,i am looking for,help me,can i get,can i have,could i get,may i \
         know,let me know,i want,i need",
        Function::Filler,
    ),
];

/// A question for a measure names the measure without its noun.
pub(super) const MEASURES: &[(&str, &str)] = &[
    ("height", "how tall,how high"),
    ("age", "how old"),
    ("distance", "how far,how far away"),
    ("depth", "how deep"),
    ("width", "how wide"),
    ("weight", "how heavy"),
    ("size", "how big,how large"),
    ("speed", "how fast"),
    ("temperature", "how hot,how cold"),
    ("cost", "how expensive,how costly"),
    ("difficult", "how difficult,how hard"),
    ("good", "how good"),
    ("safe", "how safe"),
    ("important", "how important"),
    ("population", "how populous"),
    (
        "population",
        "how many people live,how many people are living,how many inhabitants,how many residents,number of people \
            living,number of people,number of inhabitants,number of residents",
    ),
];

/// Base form first, then spellings glued to or standing beside a number.
pub(super) const UNITS: &str = "\
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
