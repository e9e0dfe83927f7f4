/**
 * The emoji of the picker: for each group its title and lines of an emoji and its names, to be searched. A choice of
 * those that people use in talk, not all that exist; anything else can be typed or pasted.
 */

/** @type {[string, string][]} */
export const GROUPS = [
  ["Faces", `
😀 grinning face
😃 smiling face with open mouth
😄 smiling face with open mouth and smiling eyes
😁 grinning face with smiling eyes
😆 smiling face with open mouth and tightly-closed eyes
😅 smiling face with open mouth and cold sweat
🤣 rolling on the floor laughing rofl lol
😂 face with tears of joy lol laugh
🙂 slightly smiling face
🙃 upside-down face
😉 winking face
😊 smiling face with smiling eyes
😇 smiling face with halo
🥰 smiling face with smiling eyes and three hearts
😍 smiling face with heart-shaped eyes
🤩 grinning face with star eyes
😘 face throwing a kiss
😋 face savouring delicious food
😛 face with stuck-out tongue
😜 face with stuck-out tongue and winking eye
🤪 grinning face with one large and one small eye
🤑 money-mouth face
🤗 hugging face
🤭 smiling face with smiling eyes and hand covering mouth
🤫 face with finger covering closed lips
🤔 thinking face thinking hmm
🤐 zipper-mouth face
🤨 face with one eyebrow raised
😐 neutral face
😑 expressionless face
😶 face without mouth
😏 smirking face
😒 unamused face
🙄 face with rolling eyes
😬 grimacing face
🤥 lying face
😌 relieved face
😔 pensive face
😪 sleepy face
🤤 drooling face
😴 sleeping face
😷 face with medical mask
🤒 face with thermometer
🤕 face with head-bandage
🤢 nauseated face
🤮 face with open mouth vomiting
🤧 sneezing face
🥵 overheated face
🥶 freezing face
🥴 face with uneven eyes and wavy mouth
😵 dizzy face
🤯 shocked face with exploding head
🤠 face with cowboy hat
🥳 face with party horn and party hat
😎 smiling face with sunglasses
🤓 nerd face
🧐 face with monocle
😕 confused face
😟 worried face
🙁 slightly frowning face
😮 face with open mouth
😯 hushed face
😲 astonished face
😳 flushed face
🥺 face with pleading eyes
😦 frowning face with open mouth
😧 anguished face
😨 fearful face
😰 face with open mouth and cold sweat
😥 disappointed but relieved face
😢 crying face
😭 loudly crying face crying sob
😱 face screaming in fear
😖 confounded face
😣 persevering face
😞 disappointed face
😓 face with cold sweat
😩 weary face
😫 tired face
🥱 yawning face
😤 face with look of triumph
😡 pouting face
😠 angry face
🤬 serious face with symbols covering mouth
😈 smiling face with horns
👿 imp
💀 skull
💩 pile of poo
🤡 clown face
👹 japanese ogre
👻 ghost
👽 extraterrestrial alien
👾 alien monster
🤖 robot face
`],
  ["Hands and hearts", `
👍 thumbs up thumbs up yes ok plus
👎 thumbs down thumbs down no minus
👌 ok hand
🤌 pinched fingers
🤏 pinching hand
🤞 hand with index and middle fingers crossed
🤟 i love you hand
🤘 sign of the horns
🤙 call me hand
👈 white left pointing backhand index
👉 white right pointing backhand index
👆 white up pointing backhand index
👇 white down pointing backhand index
👋 waving hand hello hi bye
🤚 raised back of hand
✋ raised hand
🖖 raised hand with part between middle and ring fingers
👏 clapping hands
🙌 person raising both hands in celebration
👐 open hands
🤲 palms up together
🤝 handshake
🙏 person with folded hands please thanks
💪 flexed biceps
👊 fisted hand
✊ raised fist
🤛 left-facing fist
🤜 right-facing fist
🖕 reversed hand with middle finger extended
💅 nail polish
👀 eyes eyes look
🧠 brain
👄 mouth
💋 kiss mark
❤️ red heart heart love
💘 heart with arrow
💝 heart with ribbon
💖 sparkling heart
💗 growing heart
💓 beating heart
💞 revolving hearts
💕 two hearts
💔 broken heart
🧡 orange heart
💛 yellow heart
💚 green heart
💙 blue heart
💜 purple heart
🤎 brown heart
🖤 black heart
🤍 white heart
💯 hundred points symbol hundred
💢 anger symbol
💥 collision symbol
💫 dizzy symbol
💦 splashing sweat symbol
💨 dash symbol
💤 sleeping symbol
`],
  ["People and animals", `
🤷 shrug shrug
🤦 face palm facepalm
🙋 happy person raising one hand
🙆 face with ok gesture
🙅 face with no good gesture
🙇 person bowing deeply
💁 information desk person
🧑 adult
👩 woman
👨 man
👶 baby
👮 police officer
👷 construction worker
🕵️ sleuth or spy
🦸 superhero
🧙 mage
🧟 zombie
🏃 runner
💃 dancer
🕺 man dancing
🐵 monkey face
🐶 dog face
🐺 wolf face
🦊 fox face
🐱 cat face
🦁 lion face
🐯 tiger face
🐴 horse face
🦄 unicorn face
🐮 cow face
🐷 pig face
🐭 mouse face
🐹 hamster face
🐰 rabbit face
🐻 bear face
🐼 panda face
🐨 koala
🐸 frog face
🐔 chicken
🐧 penguin
🐦 bird
🦆 duck
🦅 eagle
🦉 owl
🐝 honeybee
🐛 bug
🦋 butterfly
🐌 snail
🐞 lady beetle
🐢 turtle
🐍 snake
🦖 t-rex
🐙 octopus
🦀 crab
🐠 tropical fish
🐬 dolphin
🐳 spouting whale
🐋 whale
🦈 shark
🐊 crocodile
🐘 elephant
🐪 dromedary camel
🦔 hedgehog
🐾 paw prints
`],
  ["Food and nature", `
🍏 green apple
🍎 red apple
🍐 pear
🍊 tangerine
🍋 lemon
🍌 banana
🍉 watermelon
🍇 grapes
🍓 strawberry
🍒 cherries
🍑 peach
🍍 pineapple
🥥 coconut
🥝 kiwifruit
🍅 tomato
🥑 avocado
🌽 ear of maize
🥕 carrot
🥔 potato
🍞 bread
🥐 croissant
🧀 cheese wedge
🥚 egg
🍳 cooking
🥓 bacon
🍔 hamburger
🍟 french fries
🍕 slice of pizza
🌭 hot dog
🥪 sandwich
🌮 taco
🌯 burrito
🥗 green salad
🍝 spaghetti
🍜 steaming bowl
🍣 sushi
🍙 rice ball
🍪 cookie
🎂 birthday cake
🍰 shortcake
🍫 chocolate bar
🍬 candy
🍩 doughnut
🍦 soft ice cream
☕ hot beverage
🍵 teacup without handle
🍺 beer mug
🍻 clinking beer mugs
🥂 clinking glasses
🍷 wine glass
🥃 tumbler glass
🍸 cocktail glass
🌱 seedling
🌲 evergreen tree
🌴 palm tree
🌵 cactus
🍀 four leaf clover
🍁 maple leaf
🌸 cherry blossom
🌹 rose
🌻 sunflower
🌍 earth globe europe-africa
🌙 crescent moon
🌚 new moon with face
🌞 sun with face
⭐ white medium star
🌟 glowing star
⚡ high voltage
🔥 fire hot
🌈 rainbow
⛄ snowman without snow
💧 droplet
🌊 water wave
`],
  ["Things and places", `
⌚ watch
📱 mobile phone
💻 personal computer
⌨️ keyboard
💾 floppy disk
💿 optical disc
📷 camera
🎥 movie camera
📞 telephone receiver
📺 television
📻 radio
⏰️ alarm clock
⌛ hourglass
💡 electric light bulb
🔦 electric torch
🕯️ candle
💸 money with wings
💰 money bag
💳 credit card
💎 gem stone
🔧 wrench
🔨 hammer
🔩 nut and bolt
⚙️ gear
🔬 microscope
🔭 telescope
📡 satellite antenna
💉 syringe
💊 pill
🚪 door
🛒 shopping trolley
🎁 wrapped present
🎈 balloon
🎉 party popper party tada hooray
🎊 confetti ball
🎀 ribbon
📧 e-mail symbol
📦 package
📜 scroll
📄 page facing up
📊 bar chart
📈 chart with upwards trend
📉 chart with downwards trend
📅 calendar
📎 paperclip
📌 pushpin
📍 round pushpin
✂️ black scissors
📏 straight ruler
🔍 left-pointing magnifying glass
🔒 lock
🔓 open lock
🔑 key
📚 books
📖 open book
✏️ pencil
📝 memo
🎨 artist palette
🎬 clapper board
🎤 microphone
🎧 headphone
🎵 musical note
🎶 multiple musical notes
🎸 guitar
🎹 musical keyboard
🥁 drum with drumsticks
🎲 game die
🎯 direct hit
🎮 video game
🎳 bowling
⚽ soccer ball
🏀 basketball and hoop
🏈 american football
🎾 tennis racquet and ball
🏆 trophy
🥇 first place medal
🥈 second place medal
🥉 third place medal
🚗 automobile
🚕 taxi
🚌 bus
🚲 bicycle
🚀 rocket launch ship
✈️ airplane
🚂 steam locomotive
🚢 ship
🏠 house building
🏢 office building
🏥 hospital
🏫 school
⛺ tent
🏖️ beach with umbrella
🗻 mount fuji
🚧 construction
⛽ fuel pump
`],
  ["Signs", `
✅ white check mark done yes
❌ cross mark
❓ black question mark ornament
❗ exclamation mark symbol
‼️ double exclamation mark
⁉️ exclamation question mark
⚠️ warning
🚫 no entry
⛔ no entry
♻️ black universal recycling symbol
🆗 squared ok
🆕 squared new
🆒 squared cool
🔝 top with upwards arrow above
➕ plus
➖ minus
➗ division
✔️ check mark
☑️ ballot box with check
🔘 radio button
🔴 large red circle
🟠 large orange circle
🟡 large yellow circle
🟢 large green circle
🔵 large blue circle
🟣 large purple circle
⚫ medium black circle
⚪ medium white circle
🔺 up-pointing red triangle
🔔 bell
🔕 bell with cancellation stroke
💬 speech balloon
💭 thought balloon
🗨️ left speech bubble
🏁 chequered flag
🚩 triangular flag on post
🏴 waving black flag
🎌 crossed flags
♾️ permanent paper
™️ trade mark
©️ copyright
®️ registered
➡️ black rightwards arrow
⬅️ leftwards black arrow
⬆️ upwards black arrow
⬇️ downwards black arrow
🔄 anticlockwise downwards and upwards open circle arrows
🔁 clockwise rightwards and leftwards open circle arrows
`],
];

/** Offered first to whoever has not used any yet. */
export const COMMON = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "👀", "✅", "🔥", "🤔", "💯"];
