# The tour on a terminal: Enter goes on, what is typed between the steps runs, q ends it, and with -i the prompt has all.
%case through some steps, with a look around
%run -q -i $TESTS/../../scripts/tour.lua
%until [1/11] Data first.
%until Enter goes on, q ends; or type
%type #train\n
%until 480
%until or type) >
%type for i = 1, 2 do\n
%until ...
%type print(i * 11) end\n
%until 22
%until or type) >
%type nobody.there\n
%until error:
%until (global 'nobody')
%until or type) >
%type ?dropout\n
%until dropout{ rate,
%until or type) >
%type \n
%until [2/11] A network is layers in a row.
%until sonde> fresh = m:clone()
%until or type) >
%type q\n
q
sonde> #train, fresh.name
480
sequential
sonde> q = 5
sonde>
