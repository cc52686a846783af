-- Pictures: what is drawn of which numbers, files, grids, what the terminal gets.
local check = dofile((arg[0]:match "^(.*/)" or "") .. "check.lua")

local folder = check.folder()
local function file(name) return folder .. "/" .. name end
local function pixel(p, x, y) return p:tensor()[{ y, x }]:tolist() end

-- from numbers: the range by rule, given, and stretched
local p = picture(tensor { { 0, 0.5 }, { 1, 0.25 } })
check.equal(p.width, 2)
check.equal(p.height, 2)
check.equal(tostring(p), 'picture 2x2; :save("x.png") writes it')
check.list(pixel(p, 1, 1), { 0, 0, 0 })
check.list(pixel(p, 2, 1), { 128, 128, 128 })
check.list(pixel(p, 1, 2), { 255, 255, 255 })
check.list(pixel(picture { { 0, 51 }, { 255, 2 } }, 2, 1), { 51, 51, 51 })
check.list(pixel(picture(tensor({ { 0, 1 } }, "uint8")), 2, 1), { 1, 1, 1 })
check.list(pixel(picture { { -1, 0 }, { 1, 3 } }, 2, 1), { 64, 64, 64 })
check.list(pixel(picture({ { 0, 5 } }, { range = { 0, 10 } }), 2, 1), { 128, 128, 128 })
check.list(pixel(picture({ { 0, 50 } }, { range = { 0, 10 } }), 2, 1), { 255, 255, 255 })
check.list(pixel(picture({ { 0, 0.1 } }, { range = "auto" }), 2, 1), { 255, 255, 255 })
check.list(pixel(picture { { -3, -3 } }, 1, 1), { 128, 128, 128 })
check.list(pixel(picture { { 0, 0 } }, 1, 1), { 0, 0, 0 })
local text = check.output(function() picture({ { -1, 3 } }):show() end)
check.equal(text, 'picture 2x1; :save("x.png") writes it\nblack is -1, white is 3\n')

-- colors and channels
check.list(pixel(picture { { { 1, 0, 0.2 } } }, 1, 1), { 255, 0, 51 })
check.list(pixel(picture(tensor { { { 1 }, { 0 } } }), 1, 1), { 255, 255, 255 })
check.list(pixel(picture({ { 0, 1 } }, { colormap = "viridis" }), 1, 1), { 68, 1, 84 })
check.list(pixel(picture({ { 0, 1 } }, { colormap = "viridis" }), 2, 1), { 253, 231, 37 })
check.list(pixel(picture({ { 0, -2, 1 } }, { colormap = "coolwarm" }), 1, 1), { 221, 221, 221 })
check.list(pixel(picture({ { 0, -2, 1 } }, { colormap = "coolwarm" }), 2, 1), { 59, 76, 192 })
check.list(pixel(picture({ { 0, 1 } }, { scale = 3 }), 4, 3), { 255, 255, 255 })
check.equal(picture({ { 0, 1 } }, { scale = 3 }).width, 6)

-- what is not finite is marked and counted
p = picture { { 0 / 0, 1 }, { 1 / 0, 0 } }
check.list(pixel(p, 1, 1), { 255, 0, 255 })
check.list(pixel(p, 1, 2), { 255, 0, 255 })
check.list(pixel(p, 2, 1), { 255, 255, 255 })
check.has(check.output(function() p:show() end), "2 pixels are not finite: magenta")
check.has(check.output(function() picture({ { 0 / 0 } }):show() end), "1 pixel is not finite: magenta")

-- files
p = picture(tensor.random { 20, 30, 3, seed = 3 })
p:save(file "p.png")
check.ok(picture.load(file "p.png"):tensor():equal(p:tensor()))
check.ok(picture(p:tensor()):tensor():equal(p:tensor()))
check.bmp(file "b.bmp", 7, 5, 10, 20, 30)
check.list(picture.load(file "b.bmp"):tensor().shape, { 5, 7, 3 })
check.list(pixel(picture.load(file "b.bmp"), 7, 5), { 10, 20, 30 })
check.fails(function() p:save(file "none/p.png") end, "picture.lua:", "there is no folder")
p:save(file "p.png", { scale = 3 })
check.list(picture.load(file "p.png"):tensor().shape, { p.height * 3, p.width * 3, 3 })
check.list(picture.load(file "p.png"):resize(p.width, p.height):tensor().shape, { p.height, p.width, 3 })
check.fails(function() p:save(file "p.png", { scale = 0 }) end, "save: scale = 0 must be a whole number")
check.fails(function() p:save(file "p.png", 3) end, "save: wants options in a table, got a number")
do -- a grid of small pictures is written larger, and to the pixel where that is said
  local grid = picture(tensor.random { 9, 28, 28, 1 })
  local w = grid.width
  grid:save(file "grid.png")
  local large = picture.load(file "grid.png")
  check.equal(large.width, w * (400 // w))
  check.ok(w < 100 and large:tensor()[5][5]:equal(grid:tensor()[2][2]))
  grid:save(file "grid.png", { scale = 1 })
  check.ok(picture.load(file "grid.png"):tensor():equal(grid:tensor()))
end
check.fails(function() p:save(folder) end, "is a folder; give the name of a file in it")
check.fails(function() picture.load(file "none.png") end, "none.png", "No such file")
check.fails(function() picture.load(arg[0]) end, "picture.lua", "not")

-- grids
p = picture(tensor.full({ 5, 2, 3, 1 }, 0.5))
check.equal(p.width, 3 * 3 + 2)
check.equal(p.height, 2 * 2 + 1)
check.list(pixel(p, 4, 1), { 128, 128, 128 })
p = picture.grid({ { { 1 } }, { { 0, 0 }, { 0, 0 } }, picture { { { 1, 0, 0 } } } }, { columns = 3,
  captions = { "a", "b", "c" } })
check.equal(p.width, 8)
check.list(pixel(p, 1, 1), { 255, 255, 255 })
check.list(pixel(p, 4, 1), { 0, 0, 0 })
check.list(pixel(p, 7, 1), { 255, 0, 0 })
check.equal(check.output(function() p:show() end), 'picture 8x2; :save("x.png") writes it\n1  a  2  b  3  c\n')
check.equal(picture.grid({ p, p }, { columns = 1 }).height, 5)

-- overlays and sizes
p = picture(tensor.zeros { 4, 4 }):overlay(tensor { { 0, 1 } }, { colormap = "gray", alpha = 0.5 })
check.list(pixel(p, 4, 1), { 128, 128, 128 })
check.list(pixel(p, 1, 1), { 0, 0, 0 })
check.equal(p:resize(9, 2).width, 9)

-- what is wrong
check.fails(function() picture(tensor { 1, 2 }) end, "picture.lua:", "wants shape (height, width)", "got (2,)")
check.fails(function() picture(tensor.zeros { 4, 4, 2 }) end, "got (4, 4, 2)")
check.fails(function() picture(tensor.zeros { 0, 4 }) end, "4 x 0 has no pixels")
check.fails(function() picture(tensor.zeros { 0, 4, 4, 1 }) end, "a batch of none")
check.fails(function() picture(3) end, "wants a tensor or a list of numbers, got a number")
check.fails(function() picture({ { 1 } }, { colormap = "jet" }) end, 'colormap = "jet" must be "gray"')
check.fails(function() picture({ { 1 } }, { range = { 1, 0 } }) end, "range wants { lowest, highest }")
check.fails(function() picture({ { 1 } }, { range = "full" }) end, 'range = "full"')
check.fails(function() picture({ { 1 } }, { scale = 0 }) end, "scale = 0 must be a whole number of at least 1")
check.fails(function() picture({ { 1 } }, { scale = 1000000 }) end, "picture: ")
check.fails(function() picture({ { 1 } }, { columns = 2 }) end, "columns is for a batch")
check.fails(function() picture({ { 1 } }, { color = 2 }) end, 'unknown option "color"')
check.fails(function() picture.grid {} end, "wants a list of pictures or tensors")
check.fails(function() picture.grid({ { { 1 } } }, { captions = {} }) end, "0 captions for 1 picture")
check.fails(function() picture.grid { tensor { 1, 2 } } end, "got (2,)")
check.fails(function() p:overlay(tensor { { 1 } }, { alpha = 2 }) end, "alpha = 2 must be a number from 0 to 1")
check.fails(function() p.save "x.png" end, "write p:save(...) with a colon")
check.fails(function() p:save() end, "save: wants a path, got nil")
check.fails(function() p:resize(0, 3) end, "width = 0")
check.fails(function() return p.widht end, "a picture has no widht; did you mean width?")
check.fails(function() p.width = 3 end, "width cannot be set")
check.equal(picture.graphics(), "none")
check.equal(picture.pixels(), false)

-- Pillow's sizes and Matplotlib's colors
local golden = npz.load((arg[0]:match "^(.*/)" or "") .. "../golden/golden_picture.npz")
local function furthest(a, b) return (a - b):abs():max() end
for name, want in pairs(golden) do
  local w, h = name:match "^(%d+)x(%d+)$"
  if w then
    local got = picture(golden.image):resize(tonumber(w), tonumber(h)):tensor()
    check.list(got.shape, want.shape)
    check.ok(furthest(got, want) <= 1, "%s is off by %g", name, furthest(got, want))
  elseif name ~= "image" then
    local ramp = {}
    for i = 1, 256 do ramp[i] = (i - 1) / 255 end
    local got = picture({ ramp }, { colormap = name, range = { 0, 1 } }):tensor():reshape { 256, 3 }
    check.ok(furthest(got, want) <= 2, "%s is off by %g", name, furthest(got, want))
  end
end

-- other terminals: what SONDE_GRAPHICS and the environment say
local program = -1
while arg[program - 1] do program = program - 1 end
local function run(environment, code)
  local script = file "script.lua"
  local f = assert(io.open(script, "w"))
  f:write(code)
  f:close()
  local pipe = assert(io.popen(("env -u SONDE_GRAPHICS %s '%s' '%s' 2>&1"):format(environment, arg[program], script)))
  local out = pipe:read "a"
  pipe:close()
  return out
end
local SHOW = "picture(tensor.ones{ 28, 28 }):show()"
check.equal(run("TERM=xterm-kitty", SHOW), 'picture 28x28; :save("x.png") writes it\n')
check.equal(run("SONDE_GRAPHICS=none", SHOW), 'picture 28x28; :save("x.png") writes it\n')
check.equal(run("SONDE_GRAPHICS=kitty TERM=dumb", SHOW):sub(1, 10), "\27_Ga=T,f=1")
check.equal(run("SONDE_GRAPHICS=sixel", SHOW):sub(1, 2), "\27P")
check.equal(run("SONDE_GRAPHICS=iterm2", SHOW), run("SONDE_GRAPHICS=iterm", SHOW))
check.equal(run("SONDE_GRAPHICS=iterm", SHOW):sub(1, 20), "\27]1337;File=inline=1")
check.has(run("SONDE_GRAPHICS=truecolor", SHOW), "255;255;255")
local ascii = run("SONDE_GRAPHICS=ascii", SHOW)
check.equal(#ascii, 14 * 29)
check.ok(not ascii:find "[^%g \n]")
check.equal(run("SONDE_GRAPHICS=kitty", "print(picture.graphics(), picture.pixels())"), "kitty\ttrue\n")
check.equal(run("SONDE_GRAPHICS=256", "print(picture.graphics(), picture.pixels())"), "256\tfalse\n")
check.has(run("SONDE_GRAPHICS=sixels", SHOW), 'script.lua:1: SONDE_GRAPHICS="sixels" is not one of kitty, sixel, iterm')

-- numbers of any size, and what is no range
for _, map in ipairs { "gray", "viridis", "coolwarm" } do
  local huge = picture(tensor({ { -1e308, 1e308 }, { 0, 1 } }, "float64"), { colormap = map }):tensor()
  local small = picture(tensor { { -1, 1 }, { 0, 0 } }, { colormap = map }):tensor()
  check.ok(huge:equal(small), "%s", map)
  for _, range in ipairs { { 0, math.huge }, { -math.huge, 0 }, { 0, 0 / 0 }, { 1, 1 } } do
    check.fails(function() picture(tensor { { 1 } }, { colormap = map, range = range }) end, "range wants { lowest")
  end
end
local square = picture(tensor.ones { 4, 4 })
check.fails(function() square:resize(8) end, "resize: wants width and height")
check.fails(function() square:save "x.jpg" end, "written as PNG, not as .jpg")
check.fails(function() picture "x.png" end, 'picture.load "x.png"')

-- without libchafa: what needs it says so, and the rest works
local f = assert(io.open(file "libchafa.so.0", "w"))
f:close()
local without = ("LD_LIBRARY_PATH='%s' SONDE_GRAPHICS=%%s"):format(folder)
local said = run(without:format "256", SHOW)
check.has(said, 'picture 28x28; :save("x.png") writes it\npictures in the terminal need libchafa')
check.has(said, "apt-get install libchafa0")
check.equal(run(without:format "256", "print(picture.graphics())"), "none\n")
check.equal(run(without:format "kitty", SHOW):sub(1, 10), "\27_Ga=T,f=1")
check.equal(#run(without:format "ascii", SHOW), 14 * 29)
run(without:format "256", ("picture(tensor.ones{ 2, 3 }):save '%s'"):format(file "w.png"))
check.equal(picture.load(file "w.png").width, 3)

check.done()
