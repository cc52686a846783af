# Pictures at the prompt: they draw themselves once, without codes or signs that the terminal does not have.
%case a value that is a picture is drawn
%env TERM=dumb
%env LC_ALL=C
sonde> picture(tensor.ones{ 2, 20 })
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
sonde> p = picture(tensor.ones{ 2, 20 })
sonde> p;
sonde> print(p)
picture 20x2; :save("x.png") writes it
sonde> { p }
{ picture 20x2; :save("x.png") writes it }
sonde> picture.graphics(), picture.pixels()
ascii
false
sonde>

%case samples are drawn once, with their captions
%env TERM=dumb
%env LC_ALL=C
sonde> d = tensors{ x = tensor.full({ 2, 1, 30 }, 1), y = tensor{ 0, 1 } }
sonde> d:show{ 2 }
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
2  label 1
sonde>

%case no color where none is wanted
%env TERM=xterm-kitty
%env NO_COLOR=1
%env LC_ALL=C.UTF-8
sonde> picture.graphics()
mono
sonde> picture(tensor.ones{ 2, 20 })
████████████████████████████████████████████████████████████
████████████████████████████████████████████████████████████
████████████████████████████████████████████████████████████
sonde>

%case SONDE_GRAPHICS decides; an unknown value is said
%env TERM=dumb
%env SONDE_GRAPHICS=none
sonde> picture(tensor.ones{ 2, 30 })
picture 30x2; :save("x.png") writes it
sonde>

%case a value that there is not
%env SONDE_GRAPHICS=pixels
sonde> picture(tensor.ones{ 2, 30 })
error: SONDE_GRAPHICS="pixels" is not one of kitty, sixel, iterm, symbols, truecolor, 256, 16, 8, mono, ascii, none; where it is not set, the terminal decides
sonde>
